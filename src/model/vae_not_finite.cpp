// Where a pass has met the first value that is not finite.
#include "model/vae_parts.hpp"

#include <fmt/format.h>

#include <cmath>
#include <optional>

namespace elbo::model {

using layers::NotFinite;

namespace {

/// The first row's term that is not finite.
std::optional<NotFinite> find_not_finite(const std::string& place, std::span<const double> terms) {
    for (std::size_t i = 0; i < terms.size(); ++i) {
        if (!std::isfinite(terms[i])) return NotFinite{place, i, static_cast<float>(terms[i])};
    }
    return std::nullopt;
}

/// Outputs may have given way to their gradient, so they are computed once more.
template <class Parts>
std::optional<NotFinite> find_in_outputs(Parts& p, const layers::Values& values, std::size_t rows) {
    std::vector<float> room(rows * p.dimensions);
    const Matrix<float> outputs(room.data(), rows, p.dimensions);
    p.output->forward(values, p.decoder.last_output(), outputs);
    return layers::find_not_finite("decoder/output", outputs);
}

} // namespace

std::string Vae::first_not_finite(const layers::Values& values, const Batch& batch) const {
    Parts& p = *parts_;
    const auto find = [](const char* place, ConstAnyMatrix m) { return layers::find_not_finite(place, m); };
    for (const layers::Parameter& parameter : p.parameters.all()) {
        const auto found = find("", {values.exact.data() + parameter.offset, 1, parameter.size});
        if (found) return fmt::format("the parameter {} holds {}", parameter.path, describe_value(*found));
    }
    const std::size_t rows = batch.samples.size();
    if (rows == 0) return {};
    const Matrix<const float> heads = p.piece(p.heads_at, rows, 2 * p.latent);
    auto found = find("x", batch.x.first_rows(rows));
    if (!found) found = p.encoder.first_not_finite();
    if (!found) found = find("encoder/mean", heads.some_columns(0, p.latent));
    if (!found) found = find("encoder/log_variance", heads.some_columns(p.latent, p.latent));
    if (!found) found = find_not_finite("the KL divergence", std::span(p.kl).first(rows));
    if (!found) found = p.decoder.first_not_finite();
    if (!found) found = find_in_outputs(p, values, rows);
    if (!found) found = find_not_finite("the log-likelihood", std::span(p.reconstruction).first(rows));
    if (!found) return {};
    const bool layer = found->place.find('/') != std::string::npos;
    return fmt::format("{} {} {} for sample {}", found->place, layer ? "gives" : "is", describe_value(*found),
                       batch.samples[found->row]);
}

std::string Vae::first_not_finite_gradient(std::span<const float> gradients,
                                           const std::function<bool(std::size_t element)>& leave_out) const {
    // Parameters are added in the order of the forward pass.
    const std::span<const layers::Parameter> all = parts_->parameters.all();
    for (auto parameter = all.rbegin(); parameter != all.rend(); ++parameter) {
        for (std::size_t i = parameter->offset; i < parameter->offset + parameter->size; ++i) {
            if (!std::isfinite(gradients[i]) && !(leave_out && leave_out(i))) return parameter->path;
        }
    }
    return {};
}

} // namespace elbo::model
