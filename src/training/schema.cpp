#include "training/schema.hpp"

#include "data/transform.hpp"
#include "layers/activation.hpp"
#include "layers/layer.hpp"
#include "model/likelihood.hpp"
#include "optimizers/optimizer.hpp"

namespace elbo::training {
namespace {

template <class Table>
std::vector<config::Kind> schemas_of(const Table& table) {
    std::vector<config::Kind> kinds;
    for (const auto& row : table) kinds.push_back(row.schema);
    return kinds;
}

} // namespace

const config::Schema& schema() {
    static const config::Schema tables = [] {
        config::Schema all;
        all.layers = schemas_of(layers::layer_kinds());
        all.activations = schemas_of(layers::activation_kinds());
        all.likelihoods = schemas_of(model::likelihood_kinds());
        all.optimizers = schemas_of(optimizers::optimizer_kinds());
        all.transforms = schemas_of(data::transform_kinds());
        const auto decays = optimizers::decay_kinds();
        all.decays.assign(decays.begin(), decays.end());
        return all;
    }();
    return tables;
}

} // namespace elbo::training
