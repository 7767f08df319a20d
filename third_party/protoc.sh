#!/bin/sh
# The system's protocol buffer compiler, as a Bazel target.
exec /usr/bin/protoc "$@"
