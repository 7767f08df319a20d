#!/usr/bin/env python3
"""What `jaco-sim check-history` says, and ends with.

    check_history_test.py JACO_SIM
"""

import os
import subprocess
import sys
import tempfile
import unittest

JACO_SIM = os.path.abspath(sys.argv[1])


class CheckHistoryTest(unittest.TestCase):

  def check(self, *lines):
    with tempfile.NamedTemporaryFile('w', suffix='.txt') as file:
      file.write(''.join(line + '\n' for line in lines))
      file.flush()
      done = subprocess.run([JACO_SIM, 'check-history', file.name],
                            capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr.replace(file.name, 'FILE')

  def test_verdicts(self):
    issued = 'c1 10 20 node-1 issue a ok 5'
    self.assertEqual(
        self.check('jaco-history 1', issued, 'c2 21 30 node-2 list ok 5 a=5'),
        (0, '2 operations, no violation\n', ''))
    code, said, _ = self.check('jaco-history 1', issued,
                               'c2 21 30 node-2 list ok 6')
    self.assertEqual(code, 3)
    self.assertRegex(said, r'\AVIOLATION: linearizability: .*lacks token a, ')
    self.assertIn('\n  line 2: ' + issued + '\n', said)
    self.assertIn('\n  line 3: c2 21 30 node-2 list ok 6\n', said)
    self.assertEqual(
        self.check('jaco-history 1', issued, 'nonsense'),
        (1, '', 'Error: parse_failed: FILE: line 3: "nonsense": the line ends '
         'here\n'))

  def test_no_file(self):
    done = subprocess.run([JACO_SIM, 'check-history', '/no/such'],
                          capture_output=True, text=True, check=False)
    self.assertEqual((done.returncode, done.stderr),
                     (1, 'Error: not_found: /no/such: cannot be read\n'))


if __name__ == '__main__':
  unittest.main(argv=sys.argv[:1], verbosity=2)
