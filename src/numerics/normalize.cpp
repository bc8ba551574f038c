// A slab goes through the cache a few times: sums of each channel over its places, sums over the channels of a group,
// then the elementwise pass.
#include "numerics/normalize.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numerics/normalize.cpp"
#include <hwy/foreach_target.h>

#include "numerics/simd.hpp"

#include <algorithm>
#include <cmath>

HWY_BEFORE_NAMESPACE();
namespace elbo::HWY_NAMESPACE {
namespace simd = elbo::simd::HWY_NAMESPACE;
namespace hn = simd::hn;
using simd::all;
using simd::V;

/// sums[channel] = sum over places of term(at, place). Partial sums of 64 places keep the rounding small.
template <class Term>
HWY_INLINE void sum_over_places(std::size_t places, std::span<float> sums, const Term& term) {
    constexpr std::size_t part = 64;
    simd::for_each_vector(sums.size(), [&](auto at) HWY_ATTR {
        V sum = all(0);
        for (std::size_t begin = 0; begin < places; begin += part) {
            V some = all(0);
            for (std::size_t place = begin; place < std::min(places, begin + part); ++place)
                some = some + term(at, place);
            sum = sum + some;
        }
        at.store(sum, sums.data());
    });
}

/// means[channel] = the sum of the sums of its group's channels over the group's elements. May be the same array.
HWY_INLINE void average_over_groups(const NormalizedGroups& n, std::span<const float> sums, std::span<float> means) {
    const std::size_t channels = n.channels / n.groups;
    for (std::size_t first = 0; first < n.channels; first += channels) {
        const float* own = sums.data() + first;
        const double sum = simd::sum(channels, [&](auto at) HWY_ATTR { return at.load(own); });
        const auto mean = static_cast<float>(sum / static_cast<double>(n.places * channels));
        std::ranges::fill(means.subspan(first, channels), mean);
    }
}

/// A value of each group, and each channel's of its group.
void gather(std::span<const float> channels, std::span<float> of_group) {
    for (std::size_t g = 0; g < of_group.size(); ++g) of_group[g] = channels[g * (channels.size() / of_group.size())];
}
void spread(std::span<const float> of_group, std::span<float> channels) {
    const std::size_t count = channels.size() / of_group.size();
    for (std::size_t g = 0; g < of_group.size(); ++g)
        std::ranges::fill(channels.subspan(g * count, count), of_group[g]);
}

/// The pieces of scratch: a float a channel each.
struct Channels {
    std::span<float> a, b, c, d;
    Channels(std::span<float> scratch, std::size_t count)
        : a(scratch.subspan(0, count)),
          b(scratch.subspan(count, count)),
          c(scratch.subspan(2 * count, count)),
          d(scratch.subspan(3 * count, count)) {}
};

template <class X, class Y>
void normalize_slab(const NormalizedGroups& n, float epsilon, std::span<const float> gain, std::span<const float> bias,
                    Matrix<const X> x, Matrix<Y> y, std::span<float> statistics, const Channels& room) {
    const std::span<float> means = room.a, scales = room.b;
    sum_over_places(n.places, means, [&](auto at, std::size_t place) HWY_ATTR { return at.load(x.row(place).data()); });
    average_over_groups(n, means, means);
    sum_over_places(n.places, scales, [&](auto at, std::size_t place) HWY_ATTR {
        const V difference = at.load(x.row(place).data()) - at.load(means.data());
        return V(difference * difference);
    });
    average_over_groups(n, scales, scales);
    const std::span<float> inverses = statistics.subspan(n.groups, n.groups);
    gather(means, statistics.first(n.groups));
    gather(scales, inverses);
    for (float& variance : inverses) variance = 1 / std::sqrt(variance + epsilon);
    spread(inverses, scales);
    simd::for_each_vector(
        n.channels, [&](auto at) HWY_ATTR { at.store(at.load(scales.data()) * at.load(gain.data()), scales.data()); });
    for (std::size_t place = 0; place < n.places; ++place) {
        const X* from = x.row(place).data();
        Y* to = y.row(place).data();
        simd::for_each_vector(n.channels, [&](auto at) HWY_ATTR {
            const V centred = at.load(from) - at.load(means.data());
            at.store(hn::MulAdd(centred, at.load(scales.data()), at.load(bias.data())), to);
        });
    }
}

void normalize(const NormalizedGroups& n, float epsilon, std::span<const float> gain, std::span<const float> bias,
               ConstAnyMatrix x, AnyMatrix y, Matrix<float> statistics, std::span<float> scratch) {
    const Channels room(scratch, n.channels);
    x.visit([&]<class X>(Matrix<X> from) {
        y.visit([&]<class Y>(Matrix<Y> to) {
            for (std::size_t slab = 0; slab < statistics.rows(); ++slab)
                normalize_slab<std::remove_const_t<X>, Y>(
                    n, epsilon, gain, bias, from.some_rows(slab * n.places, n.places),
                    to.some_rows(slab * n.places, n.places), statistics.row(slab), room);
        });
    });
}

/// diff_x where there is one; diff_gain, where there is one, is added to.
template <class X, class DY, class DX>
void backpropagate_slab(const NormalizedGroups& n, std::span<const float> gain, Matrix<const X> x,
                        std::span<const float> statistics, Matrix<const DY> diff_y, Matrix<DX> diff_x,
                        std::span<float> diff_gain, const Channels& room) {
    const std::span<float> means = room.a, inverses = room.b, sums = room.c, products = room.d;
    spread(statistics.first(n.groups), means);
    spread(statistics.subspan(n.groups, n.groups), inverses);
    const auto normal = [&](auto at, std::size_t place) HWY_ATTR {
        return V((at.load(x.row(place).data()) - at.load(means.data())) * at.load(inverses.data()));
    };
    sum_over_places(n.places, products, [&](auto at, std::size_t place) HWY_ATTR {
        return V(at.load(diff_y.row(place).data()) * normal(at, place));
    });
    simd::for_each_vector(diff_gain.size(), [&](auto at) HWY_ATTR {
        at.store(at.load(diff_gain.data()) + at.load(products.data()), diff_gain.data());
    });
    if (diff_x.columns() == 0) return;
    simd::for_each_vector(n.channels, [&](auto at) HWY_ATTR {
        at.store(at.load(products.data()) * at.load(gain.data()), products.data());
    });
    sum_over_places(n.places, sums, [&](auto at, std::size_t place) HWY_ATTR {
        return V(at.load(diff_y.row(place).data()) * at.load(gain.data()));
    });
    average_over_groups(n, sums, sums);
    average_over_groups(n, products, products);
    for (std::size_t place = 0; place < n.places; ++place) {
        const DY* diff = diff_y.row(place).data();
        DX* to = diff_x.row(place).data();
        simd::for_each_vector(n.channels, [&](auto at) HWY_ATTR {
            const V d = hn::MulSub(at.load(diff), at.load(gain.data()), at.load(sums.data()));
            const V centred = hn::NegMulAdd(normal(at, place), at.load(products.data()), d);
            at.store(centred * at.load(inverses.data()), to);
        });
    }
}

void backpropagate(const NormalizedGroups& n, std::span<const float> gain, ConstAnyMatrix x,
                   Matrix<const float> statistics, ConstAnyMatrix diff_y, AnyMatrix diff_x, std::span<float> diff_gain,
                   std::span<float> scratch) {
    const Channels room(scratch, n.channels);
    std::ranges::fill(diff_gain, 0.0f);
    const bool wanted = diff_x.columns() > 0;
    x.visit([&]<class X>(Matrix<X> from) {
        diff_y.visit([&]<class DY>(Matrix<DY> diff) {
            diff_x.visit([&]<class DX>(Matrix<DX> to) {
                for (std::size_t slab = 0; slab < statistics.rows(); ++slab) {
                    const std::size_t first = slab * n.places;
                    backpropagate_slab<std::remove_const_t<X>, std::remove_const_t<DY>, DX>(
                        n, gain, from.some_rows(first, n.places), statistics.row(slab), diff.some_rows(first, n.places),
                        wanted ? to.some_rows(first, n.places) : Matrix<DX>(), diff_gain, room);
                }
            });
        });
    });
}

} // namespace elbo::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace elbo {
namespace {
HWY_EXPORT(normalize);
HWY_EXPORT(backpropagate);
} // namespace

void normalize(const NormalizedGroups& groups, float epsilon, std::span<const float> gain, std::span<const float> bias,
               ConstAnyMatrix x, AnyMatrix y, Matrix<float> statistics, std::span<float> scratch) {
    HWY_DYNAMIC_DISPATCH(normalize)(groups, epsilon, gain, bias, x, y, statistics, scratch);
}

void backpropagate_normalize(const NormalizedGroups& groups, std::span<const float> gain, ConstAnyMatrix x,
                             Matrix<const float> statistics, ConstAnyMatrix diff_y, AnyMatrix diff_x,
                             std::span<float> diff_gain, std::span<float> scratch) {
    HWY_DYNAMIC_DISPATCH(backpropagate)(groups, gain, x, statistics, diff_y, diff_x, diff_gain, scratch);
}

} // namespace elbo
#endif
