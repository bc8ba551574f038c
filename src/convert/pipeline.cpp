#include "convert/pipeline.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "comm/pieces.hpp"
#include "convert/division.hpp"
#include "convert/piece.hpp"
#include "convert/target.hpp"
#include "storage/hash.hpp"

#include <algorithm>
#include <optional>

namespace elbo::convert {

namespace {

/// Their numbers are remembered, so that the second reading knows what is left.
constexpr std::size_t most_bad = 1 << 20;
/// What a source without splits becomes.
constexpr const char* only_split = "train";

/// A part of the source on its way: into which splits, and how far.
struct Passage {
    const Part* part;
    std::vector<std::string> splits;
    std::optional<Division> division;
    std::vector<Target> targets; ///< of each split, its fields
    std::vector<storage::Fingerprint> fingerprints;
    std::vector<std::size_t> bad; ///< items left out
    std::size_t taken = 0;        ///< good ones so far

    Target& target(std::size_t split, std::size_t field) { return targets[split * part->fields.size() + field]; }
};

std::string split_of(const Part& part) { return part.name.empty() ? only_split : part.name; }

/// The part that --split divides: the training data, or all there is.
const Part& divided_part(const std::vector<Part>& parts) {
    const auto training =
        std::find_if(parts.begin(), parts.end(), [](const Part& part) { return split_of(part) == only_split; });
    if (training != parts.end()) return *training;
    if (parts.size() == 1) return parts.front();
    std::vector<std::string_view> names;
    for (const Part& part : parts) names.push_back(part.name);
    reject("--split: the source has the parts {}; expected one called {} to divide", joined(names), only_split);
}

/// Names of splits of each part, all different.
std::vector<Passage> passages_of(const std::vector<Part>& parts, const Request& request) {
    std::vector<Passage> passages;
    std::vector<std::string> taken;
    const Part* divided = request.shares.empty() ? nullptr : &divided_part(parts);
    for (const Part& part : parts) {
        Passage passage{&part, {}, {}, {}, {}, {}, 0};
        if (&part == divided)
            for (const Share& share : request.shares) passage.splits.push_back(share.name);
        else
            passage.splits.push_back(split_of(part));
        for (const std::string& name : passage.splits) {
            if (std::find(taken.begin(), taken.end(), name) != taken.end())
                reject("two parts of the output would be called {}; name others in --split", name);
            taken.push_back(name);
        }
        passages.push_back(std::move(passage));
    }
    return passages;
}

class Pipeline {
public:
    Pipeline(const Request& request, const Format& format, std::unique_ptr<Source> source, const Progress& progress,
             const Skipped& skipped, const comm::Communicator& world)
        : request_(request),
          format_(format),
          progress_(progress),
          skipped_(skipped),
          world_(world),
          source_(std::move(source)),
          stored_(stored_parts(source_->parts(), request)),
          passages_(passages_of(stored_, request)),
          pieces_(stored_, source_->piece_bytes(), request.limit) {
        for (std::size_t part = 0; part < stored_.size(); ++part) total_ += pieces_.items(part);
        if (request.skip_bad) total_ *= 2;
    }

    void run() {
        if (request_.skip_bad) {
            find_bad();
            world_.together([&] { source_ = format_.open(request_); });
        }
        world_.on_first([&] { create(); });
        each_piece(true, [&](const Piece& piece, const PieceContent& content) { write(piece, content); });
        world_.on_first([&] { finish(); });
    }

private:
    template <class Use>
    void each_piece(bool with_rows, Use&& use) {
        PieceReader reader(*source_, request_);
        comm::in_order(
            world_, pieces_.count(), source_->divisible() ? comm::Makers::all : comm::Makers::one,
            [&](std::size_t number, std::vector<std::byte>& bytes) {
                reader.read(pieces_.at(number), with_rows, bytes);
            },
            [&](std::size_t number, std::span<const std::byte> bytes) {
                const Piece piece = pieces_.at(number);
                use(piece, content_of(stored_[piece.part], piece, with_rows, bytes));
                progress_(done_ += piece.count, total_);
            });
    }

    void find_bad() {
        each_piece(false, [&](const Piece& piece, const PieceContent& content) {
            for (const Bad& bad : content.bad) {
                passages_[piece.part].bad.push_back(bad.item);
                if (++bad_ > most_bad) reject("more than {} damaged items; is this the right format?", most_bad);
                skipped_(bad.reason);
            }
        });
    }

    void create();
    void write(const Piece& piece, const PieceContent& content);
    void put(Passage& passage, const PieceContent& content, std::size_t begin, std::size_t count);
    void describe(const std::vector<Note>& notes);
    void describe(const std::string& dataset, const Field& field, const std::vector<Note>& notes);
    void finish();

    const Request& request_;
    const Format& format_;
    const Progress& progress_;
    const Skipped& skipped_;
    const comm::Communicator& world_;
    std::unique_ptr<Source> source_;
    std::vector<Part> stored_;
    std::vector<Passage> passages_;
    Pieces pieces_;
    std::size_t total_ = 0, done_ = 0, bad_ = 0;
    std::unique_ptr<storage::DatasetFileWriter> out_; ///< rank 0's
};

void Pipeline::create() {
    out_ = std::make_unique<storage::DatasetFileWriter>(request_.output, request_.compression);
    for (std::size_t p = 0; p < passages_.size(); ++p) {
        Passage& passage = passages_[p];
        const std::size_t items = pieces_.items(p) - passage.bad.size();
        if (items == 0) {
            reject("{}: {} has no item{}", request_.sources.front(), split_of(*passage.part),
                   passage.bad.empty() ? "" : " that is whole");
        }
        std::vector<Share> shares = request_.shares;
        if (passage.splits.size() == 1) shares = {{passage.splits.front(), 1}};
        passage.division.emplace(shares, items, request_.shuffle_seed.value_or(request_.seed));
        for (std::size_t split = 0; split < passage.splits.size(); ++split)
            for (const Field& field : passage.part->fields) {
                passage.targets.emplace_back(*out_, fmt::format("/{}/{}", passage.splits[split], field.name), field,
                                             passage.division->sizes()[split], request_);
            }
        for (const Field& field : passage.part->fields)
            passage.fingerprints.emplace_back(split_of(*passage.part) + "/" + field.name);
    }
}

/// Hands the good items on, as many at once as go to the same split.
void Pipeline::write(const Piece& piece, const PieceContent& content) {
    Passage& passage = passages_[piece.part];
    const auto& known = passage.bad;
    auto bad = content.bad.begin();
    for (std::size_t i = 0; i < piece.count;) {
        const std::size_t end = bad == content.bad.end() ? piece.count : bad->item - piece.begin;
        put(passage, content, i, end - i);
        i = end + 1;
        if (bad == content.bad.end()) continue;
        if (!std::binary_search(known.begin(), known.end(), bad->item))
            fail("{}; it was whole when it was read before: does somebody write to it?", bad->reason);
        ++bad;
    }
}

void Pipeline::put(Passage& passage, const PieceContent& content, std::size_t begin, std::size_t count) {
    const auto rows = [&](std::size_t f, std::size_t first, std::size_t many) {
        const std::size_t bytes = passage.part->fields[f].row_bytes();
        return content.rows[f].subspan(first * bytes, many * bytes);
    };
    const std::size_t fields = passage.part->fields.size();
    for (std::size_t f = 0; f < fields; ++f) passage.fingerprints[f].add(rows(f, begin, count));
    for (const std::size_t all = begin + count; begin < all;) {
        const std::size_t split = passage.division->split_of(passage.taken);
        std::size_t run = 1;
        while (begin + run < all && passage.division->split_of(passage.taken + run) == split) ++run;
        for (std::size_t f = 0; f < fields; ++f) passage.target(split, f).put(rows(f, begin, run));
        passage.taken += run;
        begin += run;
    }
}

/// Where the data is from.
void Pipeline::describe(const std::vector<Note>& notes) {
    const auto keep = [&](const char* name, const std::string& text) { out_->attribute("/", name, text); };
    keep("source", fmt::format("{}", fmt::join(request_.sources, " ")));
    keep("format", std::string(format_.name));
    keep("options", request_.options);
    keep("elbo", version);
    storage::Fingerprint all("conversion");
    for (const Passage& passage : passages_)
        for (const storage::Fingerprint& one : passage.fingerprints) {
            const std::string digits = one.digits();
            all.add(std::as_bytes(std::span(digits)));
        }
    keep("checksum", "xxh3 " + all.digits());
    if (!request_.shares.empty()) keep("split_seed", fmt::format("{}", request_.shuffle_seed.value_or(request_.seed)));
    if (request_.shuffle_seed) keep("shuffle_seed", fmt::format("{}", *request_.shuffle_seed));
    if (request_.skip_bad) keep("skipped", fmt::format("{}", bad_));
    for (const Note& note : notes)
        if (note.field.empty()) keep(note.name.c_str(), note.text);
}

/// What a dataset's numbers mean.
void Pipeline::describe(const std::string& dataset, const Field& field, const std::vector<Note>& notes) {
    std::string names;
    for (std::size_t i = 0; i < field.classes.size(); ++i)
        names += fmt::format("{}{}: {}", i > 0 ? ", " : "", i, field.classes[i]);
    if (!names.empty()) out_->attribute(dataset, "names", names);
    for (const Note& note : notes)
        if (note.field == field.name) out_->attribute(dataset, note.name, note.text);
}

void Pipeline::finish() {
    const std::vector<Note> notes = source_->notes();
    for (std::size_t p = 0; p < passages_.size(); ++p) {
        Passage& passage = passages_[p];
        if (passage.taken + passage.bad.size() != pieces_.items(p)) {
            fail("{}: {} whole items, there were more when it was read before: does somebody write to it?",
                 request_.sources.front(), passage.taken);
        }
        for (std::size_t split = 0; split < passage.splits.size(); ++split)
            for (std::size_t f = 0; f < passage.part->fields.size(); ++f) {
                Target& target = passage.target(split, f);
                target.finish();
                describe(target.dataset(), passage.part->fields[f], notes);
            }
    }
    for (const Table& table : source_->tables()) {
        out_->create(table.dataset, table.shape, storage::ElementType::f64);
        out_->write_rows(table.dataset, 0, table.shape.at(0), std::as_bytes(std::span(table.values)));
    }
    describe(notes);
    out_->commit();
}

} // namespace

void write_items(const Request& request, const Format& format, std::unique_ptr<Source> source, const Progress& progress,
                 const Skipped& skipped, const comm::Communicator& world) {
    std::optional<Pipeline> pipeline;
    world.together([&] { pipeline.emplace(request, format, std::move(source), progress, skipped, world); });
    pipeline->run();
}

} // namespace elbo::convert
