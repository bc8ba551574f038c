// The ranks that the tests of this folder run on.
#pragma once

#include "comm/communicator.hpp"

const elbo::comm::Communicator& world();
