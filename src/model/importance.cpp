#include "model/importance.hpp"

namespace elbo::model {

void ImportanceSampler::estimate(const layers::Values& values, const Batch& batch, const Stream& noise,
                                 Matrix<double> out) {
    begin(values, batch);
    for (std::size_t number = 0; number < draws(); ++number) {
        draw(values, batch, noise, number);
        take(number);
    }
    finish(out);
}

} // namespace elbo::model
