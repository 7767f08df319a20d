// What a disk does to files at rest: bits flip, a write that was reported done
// is not there, or is somewhere else.
//
// Only such damage is done that can be noticed: what stands behind the last
// sync mark of a log cannot be told from a torn tail (docs/decisions/0004).

#ifndef JACO_SIM_DISK_DAMAGE_H_
#define JACO_SIM_DISK_DAMAGE_H_

#include <string>

#include "jaco/base/prng.h"
#include "jaco/sim/sim_file_system.h"

namespace jaco::sim {

enum class DamageKind {
  kBitRot,
  kLostWrite,
  kMisdirectedWrite,
  // The end of the log with all that could betray that it was there: what a
  // recovery that cuts damage off would leave. A planted bug, never drawn.
  kSilentCut,
};

// Damages the files of a server that is down, in `directory`. Returns what was
// done, for people; empty when there is nothing to damage yet.
std::string DamageFiles(SimFileSystem& files, const std::string& directory,
                        DamageKind kind, Prng prng);

// Latent sector errors (SimFileSystem::MakeUnreadable) in what such damage may
// strike; with `in_use`, by a server that runs, in what is surely on the medium
// by then. Returns where; empty when there is nothing yet.
std::string LoseSectors(SimFileSystem& files, const std::string& directory,
                        bool in_use, Prng prng);

// The operator copies what can be read, and zeros for the rest, or removes
// files of which something cannot be read.
void ReplaceUnreadable(SimFileSystem& files, bool remove);

}  // namespace jaco::sim

#endif  // JACO_SIM_DISK_DAMAGE_H_
