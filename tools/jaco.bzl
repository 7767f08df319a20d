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
