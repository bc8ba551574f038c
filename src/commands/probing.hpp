// What the parts of `elbo probe` share: the data, what the model makes of it, and where figures go.
#pragma once

#include "comm/node_memory.hpp"
#include "comm/nodes.hpp"
#include "commands/asked.hpp"
#include "report/records.hpp"
#include "report/terminal.hpp"
#include "training/probe_data.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace elbo::commands {

/// Rows of floats in memory that the ranks of a node share.
class SharedRows {
public:
    /// Collective, as all of it. what: in messages.
    SharedRows(const comm::Nodes& nodes, std::size_t rows, std::size_t columns, const std::string& what);

    Matrix<const float> matrix() const { return matrix_; }
    std::size_t columns() const { return matrix_.columns(); }

    /// Has make() fill blocks of at most 256 rows, which the ranks of a node divide.
    void fill(const std::function<void(data::Range rows, Matrix<float> block)>& make);

private:
    const comm::Nodes& nodes_;
    std::unique_ptr<comm::NodeMemory> memory_;
    Matrix<float> matrix_;
};

/// Of the samples to fit to, and of those held out.
struct Features {
    std::string name; ///< "codes, 20 posterior means"
    SharedRows fit, held_out;
};

/// The samples as the model sees them, but binarised in this way.
void load_samples(const training::LabelledSamples& part, data::Binarize binarize, std::uint32_t seed, SharedRows& rows);

struct Probing {
    AskedModel& asked;
    report::Terminal& terminal;
    const training::ProbeData& data;
    const Features &pixels, &codes;
    report::Fields& fields; ///< rank 0's figures for --json

    const comm::Communicator& world() const { return asked.world; }
};

/// What the classes are, and each sample's as its place among them.
struct Classes {
    std::vector<double> values; ///< ascending
    std::vector<std::uint32_t> fit, held_out;
    std::size_t unseen = 0; ///< of the samples held out, those of classes that no sample to fit to has
};

/// Labels that are one number a sample. Throws InputError where they are no classes, or a single one.
Classes classes_of(const training::ProbeData& data);

/// Classification from codes, principal components and the samples themselves.
void probe_classes(const Probing& probing, const Classes& classes);

/// How far reconstructions and samples from the prior are from the samples, in the features of a classifier that is
/// trained on the classes.
void probe_features(const Probing& probing, const Classes& classes);

/// Labels that are several numbers a sample, without those that never change.
struct KnownFactors {
    std::vector<std::string> names, constant; ///< of those that change, and of the others
    std::vector<double> fit, held_out;        ///< [samples, names]
};

/// Throws InputError where there are fewer than two that change.
KnownFactors factors_of(const training::ProbeData& data);

/// How the factors show in the codes.
void probe_factors(const Probing& probing, const KnownFactors& factors);

} // namespace elbo::commands
