// What the user is told of errors, elbo's own and others', and the exit status.
#include "base/verdict.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <new>
#include <stdexcept>

namespace elbo {
namespace {

void expect_verdict(const std::exception& error, Exit status, const std::string& message) {
    const Verdict verdict = verdict_of(error);
    EXPECT_EQ(verdict.status, status) << verdict.message;
    EXPECT_EQ(verdict.message, message);
}

std::filesystem::filesystem_error of_system(int code) {
    return {"status", "runs/x", std::error_code(code, std::generic_category())};
}

TEST(Verdict, OwnErrorsSpeakForThemselves) {
    expect_verdict(Error("the ring is broken"), Exit::failure, "the ring is broken");
    expect_verdict(InputError("a.yaml:3: no such key"), Exit::wrong_input, "a.yaml:3: no such key");
    expect_verdict(DivergenceError("nan"), Exit::diverged, "nan");
}

TEST(Verdict, TheFileSystemsNameThePathFirst) {
    expect_verdict(of_system(EACCES), Exit::wrong_input, "runs/x: Permission denied");
    expect_verdict(of_system(ENOTDIR), Exit::wrong_input, "runs/x: Not a directory");
    expect_verdict(of_system(ENOSPC), Exit::failure, "runs/x: No space left on device");
    expect_verdict(of_system(EIO), Exit::failure, "runs/x: Input/output error");
}

TEST(Verdict, Others) {
    EXPECT_NE(verdict_of(std::bad_alloc()).message.find("memory ran out"), std::string::npos);
    expect_verdict(std::runtime_error("odd"), Exit::failure, "odd");
}

} // namespace
} // namespace elbo
