// What launchers leave in the environment, and what elbo makes of it.
#include "comm/launcher.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>

namespace {

using elbo::comm::find_launch;
using elbo::comm::find_launch_without_pmi;
using elbo::comm::Launch;
using elbo::comm::stand_alone_without_launcher;

// Open MPI's: no daemon for a process alone; no folder of its own in TMPDIR where false.
constexpr const char *daemon_off = "OMPI_MCA_ess_singleton_isolated", *folder_off = "OMPI_MCA_orte_create_session_dirs";

/// The environment of a launcher, and nobody else's, while it lives.
class Environment {
public:
    using Variables = std::map<std::string, std::string>;
    explicit Environment(const Variables& variables) {
        for (const char* name :
             {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS", "SLURM_PROCID",
              "PMI_SIZE", "PMI_RANK", "PMIX_RANK", "MPI_LOCALNRANKS", "MPI_LOCALRANKID", "MV2_COMM_WORLD_SIZE",
              "MV2_COMM_WORLD_RANK", "PALS_SIZE", "PALS_RANKID", "FLUX_JOB_SIZE", "FLUX_TASK_RANK"})
            unsetenv(name);
        for (const char* name : {"PMI_FD", "SLURM_STEP_ID", daemon_off, folder_off}) unsetenv(name);
        for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 1);
    }
};

TEST(Launcher, NoneIsFoundWhereNothingSaysSo) {
    const Environment nothing(Environment::Variables{});
    EXPECT_FALSE(find_launch(false));
    EXPECT_FALSE(find_launch(true));
}

TEST(Launcher, ForeignLaunchersAreNamedWithTheirEvidence) {
    const Environment slurm({{"SLURM_NTASKS", "4"}, {"SLURM_PROCID", "2"}});
    const std::optional<Launch> launch = find_launch(false);
    ASSERT_TRUE(launch);
    EXPECT_EQ(launch->launcher, "Slurm's srun");
    EXPECT_EQ(launch->evidence, "SLURM_NTASKS=4");
    EXPECT_EQ(launch->size, 4);
    EXPECT_EQ(launch->rank, 2);

    const Environment mpich({{"PMI_SIZE", "3"}, {"PMI_RANK", "0"}});
    EXPECT_EQ(find_launch(false)->evidence, "PMI_SIZE=3");
    const Environment pmix(Environment::Variables{{"PMIX_RANK", "1"}});
    EXPECT_EQ(find_launch(false)->evidence, "PMIX_RANK=1");
}

TEST(Launcher, AStepOfOneTaskInALargerJobIsAlone) {
    const Environment step({{"SLURM_NTASKS", "4"}, {"SLURM_STEP_NUM_TASKS", "1"}, {"SLURM_PROCID", "0"}});
    EXPECT_FALSE(find_launch(false));
}

TEST(Launcher, OpenMpisOwnMpirunKnowsBetterThanTheJob) {
    const Environment both({{"OMPI_COMM_WORLD_SIZE", "1"}, {"SLURM_NTASKS", "4"}, {"SLURM_PROCID", "0"}});
    EXPECT_FALSE(find_launch(false));
    const Environment mpirun({{"OMPI_COMM_WORLD_SIZE", "4"}, {"OMPI_COMM_WORLD_RANK", "3"}});
    EXPECT_FALSE(find_launch(false));
    ASSERT_TRUE(find_launch(true));
    EXPECT_EQ(find_launch(true)->rank, 3);
}

TEST(Launcher, SrunThatGivesNoPmiIsFoundBeforeMpiStarts) {
    const Environment::Variables step{{"SLURM_NTASKS", "2"}, {"SLURM_STEP_NUM_TASKS", "2"}, {"SLURM_PROCID", "1"}};
    const auto with = [&](const std::string& name, const std::string& value) {
        Environment::Variables variables = step;
        variables[name] = value;
        const Environment environment(variables);
        return find_launch_without_pmi();
    };
    ASSERT_TRUE(with("SLURM_STEP_NUM_TASKS", "2"));
    EXPECT_EQ(with("SLURM_STEP_NUM_TASKS", "2")->evidence, "SLURM_STEP_NUM_TASKS=2");
    EXPECT_FALSE(with("SLURM_STEP_NUM_TASKS", "1"));
    EXPECT_FALSE(with("PMI_RANK", "1"));
    EXPECT_FALSE(with("PMIX_RANK", "1"));
    EXPECT_FALSE(with("OMPI_COMM_WORLD_SIZE", "2"));
    const Environment batch({{"SLURM_NTASKS", "2"}, {"SLURM_PROCID", "0"}});
    EXPECT_FALSE(find_launch_without_pmi());
}

TEST(Launcher, ValuesThatAreNoNumbersAreIgnored) {
    const Environment odd({{"PMI_SIZE", "many"}, {"PMI_RANK", "0"}});
    EXPECT_FALSE(find_launch(false));
}

TEST(Launcher, AProcessAloneNeedsNoDaemonAndNoFolder) {
    const Environment nothing(Environment::Variables{});
    stand_alone_without_launcher();
    EXPECT_STREQ(std::getenv(daemon_off), "1");
    EXPECT_STREQ(std::getenv(folder_off), "0");

    const Environment said(Environment::Variables{{folder_off, "1"}});
    stand_alone_without_launcher();
    EXPECT_STREQ(std::getenv(folder_off), "1");
}

TEST(Launcher, ALaunchersProcessesKeepTheirFolder) {
    const Environment::Variables all[] = {
        {{"OMPI_COMM_WORLD_SIZE", "1"}}, {{"PMIX_RANK", "0"}}, {{"PMI_FD", "7"}}, {{"SLURM_STEP_ID", "0"}}};
    for (const Environment::Variables& variables : all) {
        const Environment launcher(variables);
        stand_alone_without_launcher();
        EXPECT_EQ(std::getenv(daemon_off), nullptr) << variables.begin()->first;
        EXPECT_EQ(std::getenv(folder_off), nullptr) << variables.begin()->first;
    }
}

} // namespace
