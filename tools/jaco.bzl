"""What every C++ target of this repository has in common.

Targets are private unless they say otherwise. Each package below jaco/ that
uses one of these macros also gets a `layers_test`: its sources keep to the
layers that tools/layers.py lists.

    load("//tools:jaco.bzl", "jaco_cc_library", "jaco_cc_test")

    jaco_cc_library(
        name = "quorum",
        srcs = ["quorum.cc"],
        hdrs = ["quorum.h"],
        deps = ["//third_party/absl:span"],
    )

    jaco_cc_test(
        name = "quorum_test",
        srcs = ["quorum_test.cc"],
        deps = [":quorum"],
    )
"""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_proto_library", "cc_test")
load("@rules_proto//proto:defs.bzl", "proto_library")

# System headers are exempt: the compiler finds them in /usr/include.
JACO_COPTS = [
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wnon-virtual-dtor",
    "-Woverloaded-virtual",
    "-Wimplicit-fallthrough",
    # Designated initialisers leave the other fields at their defaults.
    "-Wno-missing-field-initializers",
]

_PRIVATE = ["//visibility:private"]

def _layers_test():
    package = native.package_name()
    if not package.startswith("jaco/") or native.existing_rule("layers_test"):
        return
    sources = native.glob(["**/*.cc", "**/*.h"], allow_empty = True)
    native.sh_test(
        name = "layers_test",
        size = "small",
        srcs = ["//tools:layers.py"],
        args = [package + "/" + source for source in sources],
        data = sources,
    )

def jaco_cc_library(name, copts = [], visibility = _PRIVATE, **kwargs):
    """A cc_library with the warnings of this repository."""
    _layers_test()
    cc_library(
        name = name,
        copts = JACO_COPTS + copts,
        visibility = visibility,
        **kwargs
    )

def jaco_cc_binary(name, copts = [], visibility = _PRIVATE, **kwargs):
    """A cc_binary with the warnings of this repository."""
    _layers_test()
    cc_binary(
        name = name,
        copts = JACO_COPTS + copts,
        visibility = visibility,
        **kwargs
    )

def jaco_cc_test(name, copts = [], deps = [], size = "small", main = True, **kwargs):
    """A cc_test with GoogleTest, GoogleMock and their main().

    Args:
      name: as in cc_test.
      copts: added to the flags of this repository.
      deps: added to GoogleTest and GoogleMock.
      size: as in cc_test.
      main: whether GoogleMock's main() is linked; False when srcs has one.
      **kwargs: handed on to cc_test.
    """
    _layers_test()
    gtest = "//third_party:gtest_main" if main else "//third_party:gmock"
    cc_test(
        name = name,
        copts = JACO_COPTS + copts,
        size = size,
        deps = deps + [gtest],
        **kwargs
    )

def jaco_fuzz_target(name, srcs, deps, hdrs = [], test = True):
    """A parser of outside bytes under libFuzzer, and in every build under less.

    Args:
      name: ends with `_fuzz`; the binary for libFuzzer (built with
        --config=fuzz; tools/fuzz runs it). Its inputs to begin with are in
        testdata/fuzz/, in the directory of that name without `_fuzz`.
      srcs: with LLVMFuzzerTestOneInput.
      deps: of srcs.
      hdrs: for tests that depend on `name`_target.
      test: whether there is a `name`_test, which runs the target over those
        inputs, damaged ones and random bytes.
    """
    jaco_cc_library(
        name = name + "_target",
        testonly = True,
        srcs = srcs,
        hdrs = hdrs,
        # Nothing but main() of libFuzzer or of the test refers to it.
        alwayslink = True,
        deps = deps,
    )
    jaco_cc_binary(
        name = name,
        testonly = True,
        linkopts = ["-fsanitize=fuzzer"],
        tags = ["manual"],
        deps = [":" + name + "_target"],
    )
    if test:
        corpus = name[:-len("_fuzz")]
        jaco_cc_test(
            name = name + "_test",
            srcs = ["//jaco/base/testing:fuzz_test.cc"],
            args = ["testdata/fuzz/" + corpus],
            data = ["//testdata/fuzz:" + corpus],
            main = False,
            deps = [
                ":" + name + "_target",
                "//jaco/base:prng",
            ],
        )

def jaco_proto_library(name, srcs, deps = [], visibility = _PRIVATE, **kwargs):
    """A proto_library `name` and its C++ code, `name`_cc.

    Args:
      name: of the proto_library; C++ targets depend on `name`_cc.
      srcs: .proto files; they import each other by their path from the root.
      deps: proto_libraries (not their _cc).
      visibility: of both targets.
      **kwargs: handed on to both.
    """
    proto_library(
        name = name,
        srcs = srcs,
        visibility = visibility,
        deps = deps,
        **kwargs
    )
    cc_proto_library(
        name = name + "_cc",
        visibility = visibility,
        deps = [":" + name],
        **kwargs
    )
