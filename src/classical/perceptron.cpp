#include "classical/perceptron.hpp"

#include "classical/groups.hpp"
#include "classical/softmax.hpp"
#include "comm/ordered_sum.hpp"
#include "numerics/matmul.hpp"
#include "numerics/random.hpp"

#include <algorithm>
#include <cmath>

namespace elbo::classical {
namespace {

constexpr auto initial = Purpose::probe_start;

std::vector<float> to_floats(std::span<const double> values) {
    std::vector<float> floats;
    for (const double value : values) floats.push_back(static_cast<float>(value));
    return floats;
}

/// Where the parts of all parameters stand, in one array: W, V, b, c.
struct Layout {
    std::size_t features, hidden, classes;

    std::size_t output_at() const { return hidden * features; }
    std::size_t bias_at() const { return output_at() + classes * hidden; }
    std::size_t output_bias_at() const { return bias_at() + hidden; }
    std::size_t size() const { return output_bias_at() + classes; }
};

void tanh_of(Matrix<float> values) {
    for (std::size_t i = 0; i < values.rows(); ++i)
        for (float& value : values.row(i)) value = std::tanh(value);
}

class Training {
public:
    Training(const comm::Communicator& world, const Classified& samples, std::size_t classes,
             const PerceptronOptions& options)
        : world_(world),
          samples_(samples),
          groups_(samples.x.rows()),
          layout_{samples.x.columns(), options.hidden, classes},
          penalty_(options.penalty),
          scaling_(scaling_of(world, samples.x)),
          unit_(unit_of(scaling_)),
          hidden_(Groups::most_rows * options.hidden),
          by_hidden_(hidden_.size()),
          scores_(Groups::most_rows * classes),
          by_weights_(layout_.output_at()),
          by_output_(classes * options.hidden) {
        model_.hidden = options.hidden;
        model_.classes = classes;
    }

    std::vector<double> first() const {
        std::vector<double> parameters(layout_.size());
        std::vector<float> row(layout_.features);
        for (std::size_t h = 0; h < layout_.hidden; ++h) {
            fill_normal({0, initial, 1}, h, 0, row);
            for (std::size_t j = 0; j < row.size(); ++j)
                parameters[h * row.size() + j] = row[j] / std::sqrt(static_cast<double>(row.size()));
        }
        return parameters;
    }

    double operator()(std::span<const double> parameters, std::span<double> gradient) {
        take(parameters);
        std::vector<double> sums(layout_.size() + 1);
        comm::sum_in_order(
            world_, groups_.count(), [&](std::size_t group, std::span<double> some) { add(group, some); }, sums);
        const double share = 1 / static_cast<double>(samples_.x.rows());
        for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] = sums[i] * share;
        for (std::size_t h = 0; h < layout_.hidden; ++h)
            for (std::size_t j = 0; j < layout_.features; ++j) {
                double& by_weight = gradient[h * layout_.features + j];
                by_weight = (by_weight - gradient[layout_.bias_at() + h] * scaling_.mean[j]) / unit_;
            }
        double squares = 0;
        for (std::size_t i = 0; i < layout_.bias_at(); ++i) {
            gradient[i] += penalty_ * parameters[i];
            squares += parameters[i] * parameters[i];
        }
        return sums.back() * share + 0.5 * penalty_ * squares;
    }

    /// The model of parameters, for features as they are.
    const Perceptron& take(std::span<const double> parameters) {
        std::vector<double> bias(parameters.begin() + static_cast<std::ptrdiff_t>(layout_.bias_at()),
                                 parameters.begin() + static_cast<std::ptrdiff_t>(layout_.output_bias_at()));
        model_.weights.resize(layout_.output_at());
        for (std::size_t h = 0; h < layout_.hidden; ++h)
            for (std::size_t j = 0; j < layout_.features; ++j) {
                const double weight = parameters[h * layout_.features + j] / unit_;
                model_.weights[h * layout_.features + j] = static_cast<float>(weight);
                bias[h] -= weight * scaling_.mean[j];
            }
        model_.bias = to_floats(bias);
        model_.output_weights =
            to_floats(parameters.subspan(layout_.output_at(), layout_.bias_at() - layout_.output_at()));
        model_.output_bias = to_floats(parameters.subspan(layout_.output_bias_at()));
        return model_;
    }

private:
    static double unit_of(const Scaling& scaling) {
        double squares = 0;
        for (const double deviation : scaling.deviation) squares += deviation * deviation;
        return squares > 0 ? std::sqrt(squares / static_cast<double>(scaling.deviation.size())) : 1;
    }

    /// Adds a group's gradients by parameters for features as they are, and its sum of -log p.
    void add(std::size_t group, std::span<double> sums) {
        const Matrix<const float> w(model_.weights.data(), layout_.hidden, layout_.features);
        const Matrix<const float> v(model_.output_weights.data(), layout_.classes, layout_.hidden);
        groups_.blocks_of(group, [&](std::size_t begin, std::size_t count) {
            const Matrix<float> hidden(hidden_.data(), count, layout_.hidden);
            const Matrix<float> by_hidden(by_hidden_.data(), count, layout_.hidden);
            const Matrix<float> scores(scores_.data(), count, layout_.classes);
            const Matrix<const float> x = samples_.x.some_rows(begin, count);
            score_(x, w, hidden, model_.bias);
            tanh_of(hidden);
            score_(hidden, v, scores, model_.output_bias);
            sums.back() += to_gradient(scores, samples_.classes.subspan(begin, count));
            back_(scores, v, by_hidden);
            for (std::size_t i = 0; i < count; ++i)
                for (std::size_t h = 0; h < layout_.hidden; ++h) by_hidden(i, h) *= 1 - hidden(i, h) * hidden(i, h);
            add_products(by_hidden, x, by_weights_, sums, layout_.bias_at());
            add_products(scores, hidden, by_output_, sums.subspan(layout_.output_at()),
                         layout_.output_bias_at() - layout_.output_at());
        });
    }

    /// Adds gradients of a layer's weights, from sums' begin on, and of its bias, from `bias` on.
    void add_products(Matrix<float> by_out, Matrix<const float> in, std::vector<float>& room, std::span<double> sums,
                      std::size_t bias) {
        by_parameters_(by_out, in, Matrix<float>(room.data(), by_out.columns(), in.columns()));
        for (std::size_t i = 0; i < room.size(); ++i) sums[i] += room[i];
        for (std::size_t i = 0; i < by_out.rows(); ++i)
            for (std::size_t c = 0; c < by_out.columns(); ++c) sums[bias + c] += by_out(i, c);
    }

    const comm::Communicator& world_;
    const Classified& samples_;
    Groups groups_;
    Layout layout_;
    double penalty_;
    Scaling scaling_;
    double unit_;
    Perceptron model_;
    std::vector<float> hidden_, by_hidden_, scores_, by_weights_, by_output_;
    Product score_{Transpose::b, true}, back_{Transpose::none}, by_parameters_{Transpose::a};
};

} // namespace

void Perceptron::features(Matrix<const float> x, Matrix<float> out) const {
    Product score(Transpose::b, true);
    score(x, Matrix<const float>(weights.data(), hidden, x.columns()), out, bias);
    tanh_of(out);
}

std::vector<std::uint32_t> Perceptron::classify(Matrix<const float> x) const {
    std::vector<float> room(x.rows() * hidden);
    const Matrix<float> out(room.data(), x.rows(), hidden);
    features(x, out);
    return Logistic{classes, output_weights, output_bias, {}}.classify(out);
}

Perceptron fit_perceptron(const comm::Communicator& world, const Classified& samples, std::size_t classes,
                          const PerceptronOptions& options) {
    Training training(world, samples, classes, options);
    std::vector<double> parameters = training.first();
    const Minimum fit =
        minimise([&](std::span<const double> x, std::span<double> gradient) { return training(x, gradient); },
                 parameters, options.stop);
    Perceptron model = training.take(parameters);
    model.fit = fit;
    return model;
}

} // namespace elbo::classical
