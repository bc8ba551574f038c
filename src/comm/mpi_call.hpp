// Inside comm: MPI's own types, and the one check that every call goes through.
#pragma once

#include "comm/communicator.hpp"

#include <mpi.h>

#include <span>
#include <string>

namespace elbo::comm {

/// Throws Error with MPI's own message where a call failed.
void check(int code, const char* call);

/// What another rank met, with the status that it stands for.
class ToldError : public Error {
public:
    ToldError(const std::string& message, Exit status) : Error(message), status_(status) {}
    Exit status() const noexcept override { return status_; }

private:
    Exit status_;
};

MPI_Comm handle_of(const Communicator& communicator);

/// Blocking messages between two ranks of a communicator; nothing where there are no values.
void send(const Communicator& communicator, std::span<const float> values, int rank);
void receive(const Communicator& communicator, std::span<float> values, int rank);

} // namespace elbo::comm
