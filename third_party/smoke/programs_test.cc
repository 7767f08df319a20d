#include <benchmark/benchmark.h>
#include <prometheus/counter.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace jaco {
namespace {

using ::testing::HasSubstr;

TEST(ProgramsSmokeTest, Cli11) {
  CLI::App app("smoke");
  int seed = 0;
  app.add_option("--seed", seed);
  app.parse("--seed 42");
  EXPECT_EQ(seed, 42);
}

TEST(ProgramsSmokeTest, Spdlog) {
  std::ostringstream out;
  spdlog::logger logger("smoke",
                        std::make_shared<spdlog::sinks::ostream_sink_st>(out));
  logger.set_pattern("%l %v");
  logger.warn("term {}", 3);
  EXPECT_EQ(out.str(), "warning term 3\n");
}

TEST(ProgramsSmokeTest, Prometheus) {
  prometheus::Registry registry;
  prometheus::BuildCounter()
      .Name("jaco_smoke_total")
      .Register(registry)
      .Add({})
      .Increment();
  EXPECT_THAT(prometheus::TextSerializer().Serialize(registry.Collect()),
              HasSubstr("jaco_smoke_total 1"));
}

TEST(ProgramsSmokeTest, Benchmark) {
  char program[] = "smoke";
  char* arguments[] = {program, nullptr};
  EXPECT_FALSE(benchmark::ReportUnrecognizedArguments(1, arguments));
}

}  // namespace
}  // namespace jaco
