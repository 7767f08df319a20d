"""Repository rules that make external repositories out of system files."""

_CPP_TOOLCHAIN_TYPE = "[\"@bazel_tools//tools/cpp:toolchain_type\"]"

# Files of Debian's rules_cc that call use_cpp_toolchain(), which the
# @bazel_tools of Debian's Bazel does not have yet.
_PATCHED = [
    "cc/private/rules_impl/cc_flags_supplier.bzl",
    "cc/private/rules_impl/compiler_flag.bzl",
]

def _system_rules_cc_impl(repository_ctx):
    copied = repository_ctx.execute(
        ["cp", "-R", repository_ctx.attr.path + "/.", "."],
    )
    if copied.return_code != 0:
        fail("copying %s: %s" % (repository_ctx.attr.path, copied.stderr))
    for path in _PATCHED:
        content = repository_ctx.read(path)
        content = content.replace("use_cpp_toolchain()", _CPP_TOOLCHAIN_TYPE)
        content = content.replace(", \"use_cpp_toolchain\"", "")
        repository_ctx.file(path, content, executable = False)

system_rules_cc = repository_rule(
    implementation = _system_rules_cc_impl,
    attrs = {"path": attr.string(default = "/usr/share/bazel/rules/cc")},
    doc = "Debian's rules_cc, mended to load in Debian's Bazel.",
)

def _stub_repository_impl(repository_ctx):
    repository_ctx.file("WORKSPACE", "")
    repository_ctx.file("BUILD.bazel", "".join([
        "filegroup(name = \"%s\", visibility = [\"//visibility:public\"])\n" % name
        for name in repository_ctx.attr.filegroups
    ]))

stub_repository = repository_rule(
    implementation = _stub_repository_impl,
    attrs = {"filegroups": attr.string_list(mandatory = True)},
    doc = "A repository of empty filegroups.",
)
