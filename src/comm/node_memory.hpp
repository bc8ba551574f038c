// Memory that the ranks of a node share: one mapping, zeroed, freed when the last of them is gone.
#pragma once

#include "comm/nodes.hpp"

#include <cstddef>
#include <memory>
#include <string>

namespace elbo::comm {

class NodeMemory {
public:
    /// Every rank of a node asks for the same number of bytes, which `what` names in messages. Throws AgreedError on
    /// all ranks where a host has less free, or one rank cannot have them. A rank alone on its node gets private
    /// memory, for which the system has huge pages. Collective over the world.
    NodeMemory(const Nodes& nodes, std::size_t bytes, const std::string& what);

    std::byte* data() const { return data_.get(); }

private:
    struct Unmap {
        std::size_t bytes;
        void operator()(std::byte* data) const;
    };
    std::unique_ptr<std::byte, Unmap> data_;
};

} // namespace elbo::comm
