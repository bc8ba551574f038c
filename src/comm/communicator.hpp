// MPI as elbo uses it: started once, every call checked, errors that all ranks agree on. The only folder that knows
// MPI.
#pragma once

#include "base/error.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace elbo::comm {

struct Handle;

/// An error that every rank has been told of: rank 0 alone reports it, and all end in order.
class AgreedError : public Error {
public:
    AgreedError(const std::string& message, Exit status) : Error(message), status_(status) {}
    Exit status() const noexcept override { return status_; }

private:
    Exit status_;
};

/// Some ranks of this run, or all; by default this process alone, which needs no MPI. Every member function but rank(),
/// size() and host() is collective: all ranks call it in the same order. Sums are MPI's own, in an order of its choice:
/// for figures whose last bits do not matter. Where it is a part of the run's ranks, what is to throw AgreedError
/// throws an Error of the same message and status: the other ranks know nothing of it.
class Communicator {
public:
    int rank() const { return rank_; }
    int size() const { return size_; }
    bool first() const { return rank_ == 0; }
    const std::string& host() const { return host_; }

    void barrier() const;
    void sum(std::span<float> values) const;
    void sum(std::span<double> values) const;
    std::int64_t least(std::int64_t value) const;
    std::int64_t most(std::int64_t value) const;
    /// Every rank's value, by rank.
    std::vector<std::int64_t> gather(std::int64_t value) const;
    std::vector<std::string> gather(const std::string& text) const;
    /// Rank 0's values, or the text of rank `from`, for everybody.
    void broadcast(std::span<float> values) const;
    std::string broadcast(const std::string& text, int from = 0) const;

    /// Runs `work`, which makes no collective call, on every rank. Where it throws on one or more, all ranks throw
    /// AgreedError with the message of the lowest of them, which names that rank and host if some ranks did not fail
    /// alike.
    void together(const std::function<void()>& work) const;

    /// The same for work of rank 0 alone.
    void on_first(const std::function<void()>& work) const;

    /// The ranks of this one's host, which can share memory; or (not shared) this rank alone.
    Communicator node(bool shared) const;

    /// Throws AgreedError where ranks differ in `text`, naming what, the first rank that differs from rank 0, and both.
    void require_same(const std::string& what, const std::string& text) const;

private:
    friend class Session;
    friend struct Handle;
    int rank_ = 0, size_ = 1;
    std::string host_;
    std::shared_ptr<const Handle> handle_; ///< MPI's own
};

/// MPI from construction to destruction. Construction throws InputError where the environment says that this process is
/// one of several, but MPI knows of one alone: each copy would think itself rank 0 of the same run.
class Session {
public:
    Session();
    /// Finalises MPI, unless an exception is unwinding that the other ranks do not know of: they would never arrive.
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    const Communicator& world() const { return world_; }

private:
    Communicator world_;
    int exceptions_ = 0;
};

/// Ends all ranks at once with this status; for an error that only this rank knows of.
[[noreturn]] void abort_all(Exit status);

/// This process's rank as its launcher's environment has it, 0 where none does. Needs no MPI.
int launched_rank();

/// True where the environment says that this is one of several processes, or that mpirun started it. Needs no MPI.
bool launched();

std::string mpi_version(); ///< "Open MPI 4.1.4"; needs no initialisation

} // namespace elbo::comm
