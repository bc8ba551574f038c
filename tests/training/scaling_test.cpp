// The cost of a step on a cluster: cases worked out by hand, and limits.
#include "training/scaling.hpp"

#include "numerics/sums.hpp"

#include <gtest/gtest.h>

namespace elbo::training {
namespace {

constexpr double fast = 1e18, rows = 100;

/// A million elements; 1 ms of data, 4 and 8 of passes at 100 rows, 2 of update on one rank, 1 of sums.
StepCosts costs_of() {
    StepCosts costs;
    costs.data = {0, 1e-5};
    costs.forward = {1e-3, 3e-5};
    costs.backward = {2e-3, 6e-5};
    costs.fixed = 0.5e-3;
    costs.elements = 256 * sum_block;
    costs.update = 2e-3 / static_cast<double>(costs.elements);
    costs.sum = 1e-3 / (4.0 * static_cast<double>(costs.elements));
    costs.final_from = {{0.5, 0.5}, {1, 1}};
    costs.states = 2;
    return costs;
}

Cluster cluster_of(std::size_t nodes, std::size_t ranks, double bandwidth, double latency = 0) {
    Cluster cluster;
    cluster.nodes = nodes;
    cluster.ranks = ranks;
    cluster.network = {latency, 0, bandwidth};
    return cluster;
}

double bytes_of_gradient() { return 4.0 * static_cast<double>(costs_of().elements); }

TEST(Scaling, OneRankComputesAndUpdates) {
    const Prediction one = predict(costs_of(), cluster_of(1, 1, fast), rows);
    EXPECT_NEAR(one.compute, 13.5e-3, 1e-12);
    EXPECT_EQ(one.sums, 0);
    EXPECT_EQ(one.exchange, 0);
    EXPECT_NEAR(one.seconds, 15.5e-3, 1e-12);
    EXPECT_NEAR(one.efficiency, 1, 1e-12);
    EXPECT_NEAR(one.samples_per_second(), rows / 15.5e-3, 1e-6);
}

TEST(Scaling, RanksOfANodeDivideTheUpdateAndReadAllGradients) {
    const Prediction four = predict(costs_of(), cluster_of(1, 4, fast), rows);
    EXPECT_NEAR(four.update, 0.5e-3, 1e-12);
    EXPECT_NEAR(four.sums, 1e-3, 1e-12);
    EXPECT_NEAR(four.seconds, 15e-3, 1e-12);
    EXPECT_NEAR(four.efficiency, 15.5 / 15, 1e-9);
    StepCosts waits = costs_of();
    waits.wait = 1e-3;
    EXPECT_NEAR(predict(waits, cluster_of(1, 4, fast), rows).seconds, 16e-3, 1e-12);
    EXPECT_NEAR(predict(waits, cluster_of(1, 1, fast), rows).seconds, 15.5e-3, 1e-12);
}

TEST(Scaling, HalfACoreTakesTwiceAsLongAndCountsAsHalf) {
    Cluster cluster = cluster_of(1, 1, fast);
    cluster.core_share = 0.5;
    const Prediction half = predict(costs_of(), cluster, rows);
    EXPECT_NEAR(half.seconds, 31e-3, 1e-12);
    EXPECT_NEAR(half.efficiency, 1, 1e-12);
}

TEST(Scaling, WhoSharesACoreWaitsATurnAStage) {
    Cluster cluster = cluster_of(2, 1, fast);
    cluster.messages.route = comm::Route::scattered;
    const double seconds = predict(costs_of(), cluster, rows).seconds;
    cluster.core_share = 0.5;
    EXPECT_NEAR(predict(costs_of(), cluster, rows).seconds, 2 * seconds + 2 * cluster.rest_of_turn, 1e-9);
}

TEST(Scaling, ANetworkWithoutLimitsCostsTheSumsAlone) {
    for (const std::size_t nodes : {2, 16, 1024}) {
        const Prediction found = predict(costs_of(), cluster_of(nodes, 4, fast), rows);
        EXPECT_NEAR(found.left, 0, 1e-9);
        EXPECT_NEAR(found.seconds, found.compute + found.sums + found.update, 1e-9);
        // Of the node's ranks all bytes, and half of what arrives of a rank's quarter, at most twice the quarter.
        EXPECT_GE(found.sums, 1e-3);
        EXPECT_LE(found.sums, 1.25e-3 + 1e-9);
    }
}

TEST(Scaling, TheLastBucketTravelsAlone) {
    // Two nodes of one rank, two buckets, each 100 ms on the wire: the first leaves at half of the backward pass.
    Cluster cluster = cluster_of(2, 1, bytes_of_gradient() / 0.2);
    cluster.messages = {128 * sum_block * sizeof(float), comm::Route::direct, Precision::fp32};
    StepCosts costs = costs_of();
    costs.sum = 0;
    const Prediction found = predict(costs, cluster, rows);
    EXPECT_EQ(found.buckets, 2U);
    // 5.5 ms until the backward pass begins, 8 of it, at whose end the other side has agreed, 200 of messages, and the
    // last half of the update.
    EXPECT_NEAR(found.seconds, 214.5e-3, 1e-9);
    costs.update_waits = true;
    EXPECT_NEAR(predict(costs, cluster, rows).seconds, 215.5e-3, 1e-9);
    // Looks at MPI in between: the first bucket is agreed on after 6 of the 8 ms.
    costs.update_waits = false;
    costs.final_from = {{0.5, 0.5}, {0.75, 0.5}, {1, 1}};
    EXPECT_NEAR(predict(costs, cluster, rows).seconds, 212.5e-3, 1e-9);
    // Of which 1 ms only may go by itself.
    costs.window = 1e-3 * cluster.network.bandwidth;
    EXPECT_NEAR(predict(costs, cluster, rows).seconds, 213.5e-3, 1e-9);
    // A pass much longer than the messages hides all but the last bucket.
    costs.window.reset();
    costs.backward = {1, 0};
    EXPECT_NEAR(predict(costs, cluster, rows).seconds, 5.5e-3 + 1 + 100e-3 + 2e-3, 1e-9);
}

TEST(Scaling, DrivingMessagesTakesTheCore) {
    Cluster cluster = cluster_of(2, 1, fast);
    cluster.messages = {128 * sum_block * sizeof(float), comm::Route::direct, Precision::fp32};
    StepCosts costs = costs_of();
    const double without = predict(costs, cluster, rows).seconds;
    costs.byte = 10e-3 / bytes_of_gradient();
    costs.message = 1e-3;
    const Prediction found = predict(costs, cluster, rows);
    EXPECT_NEAR(found.driving, 12e-3, 1e-9);
    EXPECT_NEAR(found.seconds, without + 12e-3, 1e-9);
}

TEST(Scaling, LessNetworkNeverHelps) {
    double before = 1e9;
    for (const double bandwidth : {1e7, 1e8, 1e9, 1e10, 1e11}) {
        const double seconds = predict(costs_of(), cluster_of(16, 8, bandwidth, 1e-5), rows).seconds;
        EXPECT_LE(seconds, before) << bandwidth;
        before = seconds;
    }
    before = 0;
    for (const double latency : {1e-6, 1e-5, 1e-4, 1e-3}) {
        const double seconds = predict(costs_of(), cluster_of(16, 8, 1e10, latency), rows).seconds;
        EXPECT_GE(seconds, before) << latency;
        before = seconds;
    }
}

TEST(Scaling, TheProgramsOwnChoicesAreUsed) {
    const Cluster cluster = cluster_of(16, 8, 1e9, 1e-4);
    const Prediction found = predict(costs_of(), cluster, rows);
    std::vector<comm::Leaves> leaves;
    for (std::size_t node = 0; node < 16; ++node) leaves.push_back({8 * node, 8 * node + 8});
    const comm::Chosen chosen = comm::choose(cluster.network, cluster.messages, {128, leaves}, costs_of().elements, 8);
    EXPECT_EQ(found.chosen.route, chosen.route);
    EXPECT_EQ(found.chosen.bucket_blocks, chosen.bucket_blocks);
    EXPECT_GE(found.seconds, found.compute + found.sums + found.update);
}

TEST(Scaling, AccumulatingHidesWhatMoreRowsHide) {
    Cluster cluster = cluster_of(16, 8, 1e9, 1e-5);
    const double once = predict(costs_of(), cluster, rows).efficiency;
    cluster.accumulate = 4;
    EXPECT_GT(predict(costs_of(), cluster, 4 * rows).efficiency, once);
}

TEST(Scaling, AFixedBatchLosesMoreThanFixedRows) {
    const Cluster cluster = cluster_of(16, 4, 1e10, 1e-5);
    EXPECT_LT(strong_efficiency(costs_of(), cluster, rows), predict(costs_of(), cluster, rows).efficiency);
}

TEST(Scaling, ANodesMemoryIsALimit) {
    Cluster cluster = cluster_of(1, 64, fast);
    const double without = predict(costs_of(), cluster, rows).seconds;
    cluster.memory = 1e9;
    // Four passes over each rank's gradients and values; values, gradients and two states read and written once.
    EXPECT_NEAR(predict(costs_of(), cluster, rows).seconds, bytes_of_gradient() * (4 * 64 + 6) / 1e9, 1e-9);
    cluster.memory = 1e15;
    EXPECT_DOUBLE_EQ(predict(costs_of(), cluster, rows).seconds, without);
}

TEST(Scaling, WhatMovesThePointIsPredicted) {
    const Cluster cluster = cluster_of(1, 8, 1e9, 1e-4);
    const auto point = falls_below(costs_of(), cluster, rows, 0.9, 1024);
    ASSERT_TRUE(point);
    Cluster there = cluster;
    there.nodes = *point;
    EXPECT_LT(predict(costs_of(), there, rows).efficiency, 0.9);
    there.nodes /= 2;
    EXPECT_GE(predict(costs_of(), there, rows).efficiency, 0.9);
    const auto found = remedies(costs_of(), cluster, rows, 0.9, 1024);
    ASSERT_GE(found.size(), 4U);
    EXPECT_EQ(found.front().words, "200 rows a rank instead of 100");
    EXPECT_EQ(found.front().nodes, falls_below(costs_of(), cluster, 2 * rows, 0.9, 1024));
    for (const Remedy& remedy : found) EXPECT_GE(remedy.nodes.value_or(2048), *point) << remedy.words;
    EXPECT_FALSE(falls_below(costs_of(), cluster_of(1, 8, fast), rows, 0.9, 1024));
}

} // namespace
} // namespace elbo::training
