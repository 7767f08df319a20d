#include "jaco/cmd/cli_completion.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace jaco::cmd {
namespace {

struct Word {
  std::string text;
  std::string help;
  bool option = false;
  bool value = false;  // the option has one: the next word, perhaps a file
};

// A command with what may follow it.
struct Level {
  std::string path;  // "operator raft"; empty for the program
  std::vector<Word> words;
  bool file = false;  // that one may follow
};

void AddOptions(const CLI::App& app, std::vector<Word>* words) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;  // hidden
    for (const std::string& name : option->get_lnames()) {
      words->push_back({absl::StrCat("--", name), option->get_description(),
                        true, option->get_items_expected_max() > 0});
    }
  }
}

bool TakesFile(const CLI::App& app) {
  const auto options = app.get_options();
  return std::any_of(
      options.begin(), options.end(), [](const CLI::Option* option) {
        return option->get_positional() && option->get_name(true) == "file";
      });
}

void Collect(const CLI::App& app, const std::string& path,
             const std::vector<Word>& everywhere, std::vector<Level>* levels) {
  const size_t at = levels->size();
  levels->push_back({path, {}, TakesFile(app)});
  std::vector<Word> words;
  for (const CLI::App* sub :
       app.get_subcommands([](const CLI::App*) { return true; })) {
    words.push_back({sub->get_name(), sub->get_description()});
    Collect(*sub, absl::StrCat(path, path.empty() ? "" : " ", sub->get_name()),
            everywhere, levels);
  }
  if (!path.empty()) AddOptions(app, &words);
  words.insert(words.end(), everywhere.begin(), everywhere.end());
  if (path == "completion") {
    for (const char* shell : {"bash", "zsh", "fish"}) {
      words.push_back({shell, ""});
    }
  }
  (*levels)[at].words = std::move(words);
}

std::vector<Level> LevelsOf(const CLI::App& app) {
  std::vector<Word> everywhere;
  AddOptions(app, &everywhere);
  std::vector<Level> levels;
  Collect(app, "", everywhere, &levels);
  return levels;
}

// Behind these the shell says what there is.
std::string OptionsWithValue(const std::vector<Level>& levels) {
  std::set<std::string> options;
  for (const Level& level : levels) {
    for (const Word& word : level.words) {
      if (word.value) options.insert(word.text);
    }
  }
  return absl::StrJoin(options, "|");
}

// The words that were typed name a command as long as they are on the list;
// behind that come its own words. Where there are none come files.
std::string BashFunction(const std::vector<Level>& levels) {
  std::string cases;
  std::vector<std::string> paths;
  for (const Level& level : levels) {
    std::vector<std::string> words;
    for (const Word& word : level.words) words.push_back(word.text);
    absl::StrAppend(&cases, "    \"", level.path, "\") ",
                    level.file ? "[[ \"$current\" != -* ]] || " : "",
                    "words=\"", absl::StrJoin(words, " "), "\" ;;\n");
    if (!level.path.empty())
      paths.push_back(absl::StrCat("\"", level.path, "\""));
  }
  return absl::StrCat(
      "_jaco() {\n"
      "  local current=\"${COMP_WORDS[COMP_CWORD]}\" path=\"\" words=\"\" i "
      "next\n"
      "  COMPREPLY=()\n"
      "  case \"${COMP_WORDS[COMP_CWORD - 1]}\" in\n"
      "    ",
      OptionsWithValue(levels),
      ") return ;;\n"
      "  esac\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    next=\"${path:+$path }${COMP_WORDS[i]}\"\n"
      "    case \"$next\" in\n"
      "      ",
      absl::StrJoin(paths, "|"),
      ") path=\"$next\" ;;\n"
      "    esac\n"
      "  done\n"
      "  case \"$path\" in\n",
      cases,
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "}\n");
}

std::string FishQuoted(absl::string_view text) {
  return absl::StrCat(
      "'", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

std::string FishScript(const std::vector<Level>& levels) {
  std::vector<std::string> paths;
  std::string lines;
  for (const Level& level : levels) {
    if (!level.path.empty()) paths.push_back(FishQuoted(level.path));
    for (const Word& word : level.words) {
      absl::StrAppend(
          &lines, "complete -c jaco ", level.file ? "" : "-f ", "-n ",
          FishQuoted(absl::StrCat("__jaco_at ", FishQuoted(level.path))),
          word.option ? " -l " : " -a ",
          FishQuoted(word.option ? word.text.substr(2) : word.text),
          word.value ? " -r -F" : "", " -d ", FishQuoted(word.help), "\n");
    }
  }
  return absl::StrCat(
      "function __jaco_at\n"
      "  set -l path ''\n"
      "  for word in (commandline -opc)[2..-1]\n"
      "    set -l next (string trim -- \"$path $word\")\n"
      "    if contains -- \"$next\" ",
      absl::StrJoin(paths, " "),
      "\n"
      "      set path \"$next\"\n"
      "    end\n"
      "  end\n"
      "  test \"$path\" = \"$argv[1]\"\n"
      "end\n",
      lines);
}

}  // namespace

std::string CompletionScript(const CLI::App& app, absl::string_view shell) {
  const std::vector<Level> levels = LevelsOf(app);
  if (shell == "fish") return FishScript(levels);
  const std::string bash =
      absl::StrCat(BashFunction(levels), "complete -o default -F _jaco jaco\n");
  if (shell == "bash") return bash;
  return absl::StrCat(
      "#compdef jaco\nautoload -U +X compinit && compinit\n"
      "autoload -U +X bashcompinit && bashcompinit\n",
      bash);
}

}  // namespace jaco::cmd
