// Memory that the ranks of a node share: one mapping, zeroed, freed when the last of them is gone.
#pragma once

#include "comm/communicator.hpp"

#include <cstddef>
#include <string>

namespace elbo::comm {

class NodeMemory {
public:
    /// Every rank of `node` asks for the same number of bytes, which `what` names in messages. Throws AgreedError where
    /// the host has less free. A rank alone gets private memory, for which the system has huge pages. Collective over
    /// the node.
    NodeMemory(const Communicator& node, std::size_t bytes, const std::string& what);
    ~NodeMemory();
    NodeMemory(const NodeMemory&) = delete;
    NodeMemory& operator=(const NodeMemory&) = delete;

    std::byte* data() const { return data_; }

private:
    std::byte* data_ = nullptr;
    std::size_t bytes_;
};

} // namespace elbo::comm
