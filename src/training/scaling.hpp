// What a training step costs on a cluster: constants measured where the program runs, and the time of a step on other
// numbers of nodes and other networks that follows from them. docs/scaling.md has the formula.
#pragma once

#include "comm/network.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace elbo::training {

/// Seconds of a pass over some rows.
struct Line {
    double fixed = 0, a_row = 0;
    double at(double rows) const { return fixed + a_row * rows; }
};

/// After this share of a backward pass, that share of the gradient is final, from the arrays' end; and MPI is driven.
struct Final {
    double time, gradient;
};

/// Seconds of one core.
struct StepCosts {
    Line data, forward, backward;  ///< of a virtual rank's rows
    double fixed = 0;              ///< a step: what stands between two
    double wait = 0;               ///< a step: for the node's other ranks
    double update = 0;             ///< an element of the parameters
    double sum = 0;                ///< a byte of gradients that is read to be added
    double message = 0, byte = 0;  ///< driving MPI: a message, a byte out while one comes in
    std::optional<double> window;  ///< bytes that leave a node between two looks at MPI; unset: no limit
    std::vector<Final> final_from; ///< ascending; the last is {1, 1}
    std::size_t elements = 0;      ///< of the parameters
    std::size_t states = 0;        ///< the optimiser's arrays
    bool update_waits = false;     ///< for the whole gradient (clipping, skipping)
};

struct Cluster {
    std::size_t nodes = 1, ranks = 1; ///< ranks of a node
    comm::Network network;            ///< bandwidth: of a node
    comm::Messages messages;
    double core_share = 1;        ///< the part of a core that a rank's thread has
    double rest_of_turn = 2e-3;   ///< seconds until another's turn on it ends: on average half of one, 4 ms on Linux
    std::size_t accumulate = 1;   ///< virtual ranks of a rank
    std::optional<double> memory; ///< bytes a second of a node's memory; unset: no limit
};

/// Seconds of a step and what they consist of.
struct Prediction {
    double compute = 0;                  ///< data, forward and backward pass, and the fixed part
    double sums = 0;                     ///< of gradients, of the node's ranks and as they arrive
    double update = 0;                   ///< of what a rank owns
    double driving = 0;                  ///< MPI
    double exchange = 0;                 ///< between nodes, by itself
    double left = 0;                     ///< of it, that computing does not hide
    double memory = 0;                   ///< that the node's memory takes longer than all ranks compute
    double seconds = 0;                  ///< of a step
    double samples = 0;                  ///< a step
    double efficiency = 0;               ///< samples a second and core, of those of one rank alone with as many rows
    comm::Chosen chosen{};               ///< between nodes
    std::size_t buckets = 0, stages = 0; ///< stages of a bucket

    double samples_per_second() const { return samples / seconds; }
};

/// rows: of a rank.
Prediction predict(const StepCosts& costs, const Cluster& cluster, double rows);

/// The efficiency of the same nodes if rows is one node's and all nodes share a batch as large.
double strong_efficiency(const StepCosts& costs, const Cluster& cluster, double rows);

/// The least power of two of nodes, up to `most`, whose efficiency is below `least`.
std::optional<std::size_t> falls_below(const StepCosts& costs, Cluster cluster, double rows, double least,
                                       std::size_t most);

/// A change of one setting, and from how many nodes on the efficiency is too low with it.
struct Remedy {
    std::string words;
    std::optional<std::size_t> nodes;
};

/// What may move that point, computed with each change by itself.
std::vector<Remedy> remedies(const StepCosts& costs, const Cluster& cluster, double rows, double least,
                             std::size_t most);

} // namespace elbo::training
