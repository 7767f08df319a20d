#!/usr/bin/env python3
"""Checks that the sources keep to the layers of the architecture.

    layers.py FILE...       the include lines and the words of these files
    layers.py --graph FILE  the edges of a `bazel query --output=xml`

Prints one line a breach and exits with 1 when there are any. The tables below
are the whole rule: what a folder does not list, it may not use.
"""

import functools
import os
import re
import sys
import xml.etree.ElementTree

# In patterns `*` stays within a folder and `**` does not; of a table's rows the
# first that matches decides.

# What a file may include of this repository, besides its own folder.
_RAFT_TYPES = ['jaco/raft/types.h', 'jaco/raft/message.h', 'jaco/raft/ready.h',
               'jaco/raft/snapshot.h']
_RAFT_CODEC = ['jaco/raft/codec.h']
_ENV = ['jaco/env/*.h']  # The interfaces, not env/posix.
_SERVER_API = [
    'jaco/server/api.h', 'jaco/server/audit_api.h',
    'jaco/server/bootstrap_api.h', 'jaco/server/operator_api.h',
    'jaco/server/server.h', 'jaco/server/user_api.h'
]
# The parts of net that do no I/O: a server and the simulator may use them.
_NET_WITHOUT_IO = ['jaco/net/sansio/**']

LAYERS = [
    ('jaco/base/**', []),
    ('jaco/env/posix/**', ['jaco/base/**', 'jaco/env/**']),
    ('jaco/env/*', ['jaco/base/**']),
    ('jaco/raft/**', ['jaco/base/**']),
    ('jaco/fsm/**', ['jaco/base/**'] + _RAFT_TYPES),
    ('jaco/storage/**', ['jaco/base/**'] + _ENV + _RAFT_TYPES + _RAFT_CODEC),
    ('jaco/server/**', ['jaco/base/**', 'jaco/raft/**', 'jaco/storage/**',
                       'jaco/fsm/**'] + _ENV + _NET_WITHOUT_IO),
    ('jaco/net/**', ['jaco/base/**'] + _ENV + _SERVER_API +
     ['jaco/server/join_peer.h', 'jaco/server/bootstrap_peer.h',
      'jaco/server/bootstrap.pb.h', 'jaco/server/bootstrap_proto_cc',
      'jaco/server/password_join.pb.h',
      'jaco/server/password_join_proto_cc']),
    ('jaco/sim/**', ['jaco/base/**', 'jaco/raft/**', 'jaco/fsm/**',
                    'jaco/storage/**', 'jaco/server/**'] + _ENV +
     _NET_WITHOUT_IO),
    ('jaco/cmd/**', ['jaco/**']),
]

# What a folder must not reach within itself.
WITHIN = [
    ('jaco/env/*', ['jaco/env/posix/**']),
]

# Libraries, by the first part of the include path. Tests may use any.
_PROTOBUF = ['google/protobuf/**', '**.pb.h']
_SECRETS = ['openssl/*', 'sodium.h', 'sodium/*']
LIBRARIES = [
    ('jaco/base/**', ['absl/**', 'isa-l/*', 'isa-l.h']),
    ('jaco/env/posix/**', ['**']),
    ('jaco/env/*', ['absl/**']),
    ('jaco/raft/codec*', ['absl/**'] + _PROTOBUF),
    ('jaco/raft/**', ['absl/**']),
    ('jaco/fsm/rocksdb_store*', ['absl/**', 'rocksdb/**'] + _PROTOBUF),
    ('jaco/fsm/**', ['absl/**'] + _PROTOBUF),
    ('jaco/storage/**', ['absl/**', 'rocksdb/**']),
    ('jaco/server/security/archive.cc',
     ['absl/**', 'zlib.h'] + _SECRETS),
    ('jaco/server/security**', ['absl/**'] + _PROTOBUF + _SECRETS),
    ('jaco/server/**', ['absl/**'] + _PROTOBUF),
    ('jaco/sim/**', ['absl/**', 'rocksdb/**'] + _PROTOBUF),
    ('jaco/net/**', ['**']),
    ('jaco/cmd/**', ['**']),
]

# Folders that know no thread, clock, file, socket or chance but what
# jaco/env hands them; tests excepted.
PURE = ['jaco/base/**', 'jaco/env/*', 'jaco/raft/**', 'jaco/fsm/**',
        'jaco/storage/**', 'jaco/server/**', 'jaco/sim/**']

FORBIDDEN_HEADERS = [
    'absl/random/*', 'absl/synchronization/*', 'absl/time/clock.h',
    'chrono', 'condition_variable', 'coroutine', 'ctime', 'fcntl.h',
    'filesystem', 'fstream', 'future', 'mutex', 'netinet/*', 'poll.h',
    'pthread.h', 'random', 'semaphore', 'shared_mutex', 'string_view',
    'sys/epoll.h', 'sys/socket.h', 'sys/stat.h', 'sys/time.h', 'thread',
    'time.h', 'unistd.h',
]

FORBIDDEN_WORDS = [
    r'\babsl::BitGen\b', r'\babsl::InsecureBitGen\b', r'\babsl::Now\(',
    r'\bclock_gettime\(', r'\bco_await\b', r'\bco_return\b', r'\bco_yield\b',
    r'\bgetenv\(', r'\bgettimeofday\(', r'\bstd::chrono::\w*_clock\b',
    r'\bstd::random_device\b', r'\bstd::string_view\b',
    r'\bstd::this_thread\b', r'\bstd::thread\b',
    r'\bstd::uniform_(?:int|real)_distribution\b',
]

_INCLUDE = re.compile(r'^\s*#\s*include\s*(?:<([^>]+)>|"([^"]+)")')
_WORDS = re.compile('|'.join(FORBIDDEN_WORDS))
# Comments and literals, which are not code.
_NOT_CODE = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'", re.DOTALL)


@functools.lru_cache(maxsize=None)
def _compiled(pattern):
  parts = re.split(r'(\*\*|\*)', pattern)
  wild = {'**': '.*', '*': '[^/]*'}
  return re.compile(''.join(wild.get(p, re.escape(p)) for p in parts))


def _match(path, pattern):
  return _compiled(pattern).fullmatch(path) is not None


def _matches(path, patterns):
  return any(_match(path, pattern) for pattern in patterns)


def _first(table, path):
  """The entry of the first row whose pattern matches, or None."""
  for pattern, entry in table:
    if _match(path, pattern):
      return entry
  return None


def _folder(path):
  """jaco/env of jaco/env/clock.h; layers are folders of that depth."""
  return '/'.join(path.split('/')[:2])


def is_test(path):
  """Whether a file is compiled into tests and measurements only."""
  stem = os.path.splitext(os.path.basename(path))[0]
  return ('/testing/' in path or '/testdata/' in path or
          stem.endswith(('_test', '_benchmark', '_fuzzer')))


def may_include(path, included):
  """Whether `path` may include `included`, both from the root."""
  if _matches(included, _first(WITHIN, path) or []):
    return False
  if _folder(included) == _folder(path):
    return True
  return _matches(included, _first(LAYERS, path) or [])


def _check_include(path, included, quoted):
  """Says what is wrong with one include line, or None."""
  if included.startswith('jaco/'):
    if not may_include(path, included):
      return 'must not include "%s"' % included
    if included.endswith('.pb.h') and not is_test(path) and not _matches(
        included, _first(LIBRARIES, path) or []):
      return 'must not include generated protocol buffers: "%s"' % included
    return None
  if _matches(path, PURE) and not is_test(path) and _matches(
      included, FORBIDDEN_HEADERS):
    return 'must not include <%s>: jaco/env is the only outside' % included
  is_library = quoted or '/' in included or included in _SECRETS
  if is_library and not included.startswith('sys/') and not is_test(
      path) and not _matches(included, _first(LIBRARIES, path) or []):
    return 'must not use the library of <%s>' % included
  return None


def _blank(match):
  """Takes the text away, leaves the lines."""
  return re.sub(r'[^\n]', ' ', match.group(0))


def check_file(path, text):
  """Yields (line, what is wrong) for one source file."""
  if _first(LAYERS, path) is None:
    yield 1, 'is in no layer that tools/layers.py knows'
    return
  lines = text.splitlines()
  for number, line in enumerate(lines, 1):
    match = _INCLUDE.match(line)
    if match:
      wrong = _check_include(path, match.group(1) or match.group(2),
                             match.group(2) is not None)
      if wrong:
        yield number, wrong
  if not _matches(path, PURE) or is_test(path):
    return
  for number, line in enumerate(_NOT_CODE.sub(_blank, text).splitlines(), 1):
    for match in _WORDS.finditer(line):
      yield number, 'must not use %s' % match.group(0)


def check_files(paths, root='.'):
  """Returns the breaches in these files as lines of text."""
  breaches = []
  for path in sorted(paths):
    with open(os.path.join(root, path), encoding='utf-8') as source:
      for line, wrong in check_file(path, source.read()):
        breaches.append('%s:%d: %s' % (path, line, wrong))
  return breaches


def _path_of(label):
  """jaco/raft/raft.h of //jaco/raft:raft.h."""
  return label[2:].replace(':', '/', 1)


def check_graph(root):
  """Returns the breaches among the edges of a query's XML tree."""
  headers = {}
  edges = []
  for rule in root.iter('rule'):
    name = rule.get('name')
    for attribute in rule.iter('list'):
      labels = [label.get('value') for label in attribute.iter('label')]
      if attribute.get('name') == 'hdrs':
        headers[name] = labels
      if attribute.get('name') in ('deps', 'implementation_deps'):
        edges += [(name, label) for label in labels]
  breaches = set()
  for source, target in edges:
    if not (source.startswith('//jaco/') and target.startswith('//jaco/')):
      continue
    # A target without headers (a proto's C++ code, say) counts by its name.
    for header in headers.get(target) or [target]:
      if not may_include(_path_of(source), _path_of(header)):
        breaches.add('%s: must not depend on %s' % (source, target))
  return sorted(breaches)


def main(arguments):
  if arguments[:1] == ['--graph']:
    tree = xml.etree.ElementTree.parse(arguments[1])
    breaches = check_graph(tree.getroot())
  else:
    breaches = check_files(arguments)
  for breach in breaches:
    print(breach)
  return 1 if breaches else 0


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
