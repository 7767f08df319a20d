// Secrets on their way from the operator to `jaco`.

#ifndef JACO_CMD_SECRET_ARGUMENT_H_
#define JACO_CMD_SECRET_ARGUMENT_H_

namespace jaco::cmd {

// Overwrites what follows `--token` in the arguments of this process, which
// everybody on the host can read. The caller has copied them.
void HideSecrets(int argc, char** argv);

}  // namespace jaco::cmd

#endif  // JACO_CMD_SECRET_ARGUMENT_H_
