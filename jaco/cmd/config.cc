#include "jaco/cmd/config.h"

#include <errno.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cstdio>
#include <initializer_list>
#include <set>
#include <sstream>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "jaco/base/error.h"
#include "jaco/base/log_level.h"
#include "jaco/cmd/file_privacy.h"
#include "jaco/cmd/host_address.h"
#include "jaco/cmd/raft_settings.h"
#include "jaco/cmd/suggest.h"
#include "jaco/fsm/validate.h"
#include "jaco/net/sansio/host_port.h"
#include "jaco/server/bootstrap_record.h"

namespace jaco::cmd {
namespace {

constexpr size_t kFileBytesMax = 64 << 10;

absl::Status Invalid(absl::string_view message) {
  return MakeError(ErrorCode::kValidationFailed, message);
}

std::string Quoted(absl::string_view text) {
  constexpr size_t kShownMax = 80;
  return absl::StrCat("\"", absl::Utf8SafeCHexEscape(text.substr(0, kShownMax)),
                      text.size() > kShownMax ? "..." : "", "\"");
}

// Setters: each checks a value of one kind and says what is wrong with it.

absl::Status SetText(const std::string& value, std::string* out) {
  if (value.empty()) return Invalid("must not be empty");
  if (value.find('\0') != std::string::npos) {
    return Invalid("must not contain a zero byte");
  }
  *out = value;
  return absl::OkStatus();
}

absl::Status SetName(const std::string& value, std::string* out) {
  const bool fits =
      !value.empty() && value.size() <= fsm::kNameBytesMax &&
      std::all_of(value.begin(), value.end(), [](char c) {
        return absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_';
      });
  if (!fits) {
    return Invalid(absl::StrCat(
        Quoted(value), " is not a node name: 1 to ", fsm::kNameBytesMax,
        " letters, digits, dashes, dots and underscores"));
  }
  *out = value;
  return absl::OkStatus();
}

// Where to listen.
absl::Status CheckListener(absl::string_view host_port) {
  const auto parsed = net::ParseHostPort(host_port);
  if (!parsed.ok()) return Invalid(parsed.status().message());
  if (IsAddress(parsed->host)) return absl::OkStatus();
  return Invalid(absl::StrCat(
      Quoted(parsed->host), " is no numeric address, as 10.0.0.5 or 0.0.0.0"));
}

absl::Status SetAddress(const std::string& value, std::string* out) {
  absl::Status status = CheckListener(value);
  if (status.ok()) *out = value;
  return status;
}

absl::Status SetLogLevel(const std::string& value, LogLevel* out) {
  const auto level = LogLevelOf(value);
  if (!level.has_value()) {
    return Invalid(
        absl::StrCat(Quoted(value), " is not one of ", kLogLevelNames));
  }
  *out = *level;
  return absl::OkStatus();
}

absl::Status SetBool(const std::string& value, bool* out) {
  if (value != "true" && value != "false") {
    return Invalid(absl::StrCat(Quoted(value), " is not true or false"));
  }
  *out = value == "true";
  return absl::OkStatus();
}

absl::Status AddApiListener(const std::string& value,
                            std::vector<ApiListener>* out) {
  absl::string_view rest = value;
  ApiListener listener;
  if (absl::ConsumePrefix(&rest, "http://")) {
    listener.tls = false;
  } else if (!absl::ConsumePrefix(&rest, "https://")) {
    return Invalid(absl::StrCat(
        Quoted(value), " is neither https://HOST:PORT nor http://HOST:PORT"));
  }
  absl::Status status = CheckListener(rest);
  if (!status.ok()) return status;
  if (!listener.tls && !IsLoopbackAddress(net::ParseHostPort(rest)->host)) {
    return Invalid(absl::StrCat(
        Quoted(value), ": plain HTTP is for 127.0.0.1 and [::1] only"));
  }
  listener.host_port = std::string(rest);
  out->push_back(std::move(listener));
  return absl::OkStatus();
}

absl::Status SetExpect(const std::string& value, uint32_t* out) {
  const bool digits =
      !value.empty() && value.size() <= 2 &&
      std::all_of(value.begin(), value.end(), absl::ascii_isdigit);
  if (!digits || !absl::SimpleAtoi(value, out) || *out == 0 ||
      *out > server::kBootstrapExpectMax) {
    return Invalid(absl::StrCat(Quoted(value), " is not a number from 1 to ",
                                server::kBootstrapExpectMax));
  }
  return absl::OkStatus();
}

absl::Status AddRetryJoin(const std::string& value,
                          std::vector<std::string>* out) {
  auto address = net::ApiAddress(value);
  if (!address.ok()) return Invalid(address.status().message());
  if (out->size() >= server::kBootstrapAddressesMax) {
    return Invalid(
        absl::StrCat("at most ", server::kBootstrapAddressesMax, " addresses"));
  }
  out->push_back(*std::move(address));
  return absl::OkStatus();
}

absl::Status SetBootstrapKey(const std::string& value, std::string* out) {
  *out = value;
  return CheckBootstrapKey(value);
}

bool IsListKey(absl::string_view key) {
  return key == "api_listeners" || key == "retry_join";
}

bool Contains(const std::vector<std::string>& keys, const std::string& key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

const std::vector<std::string>& Keys() {
  static const auto& keys = *[] {
    auto* all = new std::vector<std::string>{
        "node_name",          "data_dir",           "unix_socket",
        "listen_addr",        "cluster_addr",       "log_level",
        "api_listeners",      "seal_key_file",      "socket_group",
        "leave_on_terminate", "bootstrap_expect",   "retry_join",
        "bootstrap_key",      "bootstrap_key_file", "remote_bootstrap"};
    all->insert(all->end(), RaftKeys().begin(), RaftKeys().end());
    return all;
  }();
  return keys;
}

absl::Status Set(const std::string& key, const std::string& value,
                 Config* config) {
  if (key == "node_name") return SetName(value, &config->node_name);
  if (key == "data_dir") return SetText(value, &config->data_dir);
  if (key == "unix_socket") return SetText(value, &config->unix_socket);
  if (key == "listen_addr") return SetAddress(value, &config->listen_addr);
  if (key == "cluster_addr") return SetAddress(value, &config->cluster_addr);
  if (key == "log_level") return SetLogLevel(value, &config->log_level);
  if (key == "socket_group") return SetText(value, &config->socket_group);
  if (key == "seal_key_file") return SetText(value, &config->seal_key_file);
  if (key == "leave_on_terminate") {
    return SetBool(value, &config->leave_on_terminate);
  }
  if (key == "remote_bootstrap") {
    return SetBool(value, &config->remote_bootstrap);
  }
  if (Contains(RaftKeys(), key)) return SetRaft(key, value, &config->raft);
  if (key == "api_listeners") {
    return AddApiListener(value, &config->api_listeners);
  }
  if (key == "bootstrap_expect") {
    return SetExpect(value, &config->bootstrap_expect);
  }
  if (key == "retry_join") return AddRetryJoin(value, &config->retry_join);
  if (key == "bootstrap_key") {
    return SetBootstrapKey(value, &config->bootstrap_key);
  }
  if (key == "bootstrap_key_file") {
    return SetText(value, &config->bootstrap_key_file);
  }
  const std::string meant = Suggest(key, Keys());
  return Invalid(absl::StrCat(
      "unknown key ", Quoted(key),
      meant.empty() ? "" : absl::StrCat("; did you mean \"", meant, "\"?")));
}

// What a file says, before it is known whether that makes sense.
struct Entry {
  int line = 0;
  std::string key;
  std::optional<std::string> value;  // nullopt: not a single value
  // Of a list of single values; nullopt: not such a list.
  std::optional<std::vector<std::string>> items;
};

// Collects the entries of a flat map from the parser's events. The library's
// own loader is no use for a file that may hold anything: LoadAll never returns
// for some, Load ignores what follows the first document, and both keep
// repeated keys apart only by chance.
class EntryCollector final : public YAML::EventHandler {
 public:
  const std::vector<Entry>& entries() const { return entries_; }
  // Of the first thing that is not a map of words; 0 when there is none.
  int bad_root_line() const { return bad_root_line_; }
  int bad_key_line() const { return bad_key_line_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    if (depth_ > 0) OnItem(mark, std::nullopt);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    OnItem(mark, std::nullopt);
  }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                const std::string& value) override {
    OnItem(mark, value);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&,
                       YAML::anchor_t, YAML::EmitterStyle::value) override {
    OnItem(mark, std::nullopt);
    // A value, as OnItem has just found.
    if (depth_ == 1 && key_next_) entries_.back().items.emplace();
    ++depth_;
  }
  void OnSequenceEnd() override { --depth_; }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    if (depth_ > 0) OnItem(mark, std::nullopt);
    ++depth_;
  }
  void OnMapEnd() override { --depth_; }

 private:
  // A key or a value of the outer map; what is nested deeper is part of one.
  void OnItem(const YAML::Mark& mark, std::optional<std::string> text) {
    const int line = mark.line + 1;
    if (depth_ == 0 && bad_root_line_ == 0) bad_root_line_ = line;
    if (depth_ == 2 && !entries_.empty() && entries_.back().items) {
      auto& items = entries_.back().items;
      text ? items->push_back(*text) : items.reset();
    }
    if (depth_ != 1) return;
    key_next_ = !key_next_;
    if (key_next_) {
      entries_.back().value = std::move(text);
      return;
    }
    if (!text && bad_key_line_ == 0) bad_key_line_ = line;
    entries_.push_back({.line = line, .key = text.value_or("")});
  }

  std::vector<Entry> entries_;
  int depth_ = 0;
  bool key_next_ = true;
  int bad_root_line_ = 0;
  int bad_key_line_ = 0;
};

// One file being read; `path` is for messages.
class FileParser {
 public:
  explicit FileParser(absl::string_view path) : path_(path) {}

  absl::Status Parse(absl::string_view text, Config* config) {
    EntryCollector collector;
    const absl::Status status = Collect(text, &collector);
    if (!status.ok()) return status;
    if (collector.bad_root_line() > 0) {
      return At(collector.bad_root_line(),
                "the file must hold `key: value` lines");
    }
    if (collector.bad_key_line() > 0) {
      return At(collector.bad_key_line(), "a key must be a word");
    }
    std::set<std::string> seen;
    for (const Entry& entry : collector.entries()) {
      if (!seen.insert(entry.key).second) {
        return At(entry.line,
                  absl::StrCat("key ", Quoted(entry.key), " is repeated"));
      }
      const absl::Status set = SetEntry(entry, config);
      if (!set.ok()) return At(entry.line, set.message());
    }
    const absl::Status fits = CheckRaft(config->raft);
    return fits.ok() ? fits
                     : Invalid(absl::StrCat(path_, ": ", fits.message()));
  }

 private:
  absl::Status Collect(absl::string_view text, EntryCollector* collector) {
    std::istringstream stream{std::string(text)};
    try {
      YAML::Parser parser(stream);
      if (!parser.HandleNextDocument(*collector)) return absl::OkStatus();
      EntryCollector rest;
      if (parser.HandleNextDocument(rest)) {
        return MakeError(
            ErrorCode::kParseFailed,
            absl::StrCat(path_, ":", 1 + CountLines(text),
                         ": there is text after the end of the settings"));
      }
    } catch (const YAML::Exception& error) {
      return MakeError(
          ErrorCode::kParseFailed,
          absl::StrCat(path_, ":", std::max(0, error.mark.line) + 1, ": ",
                       error.msg));
    }
    return absl::OkStatus();
  }

  static ptrdiff_t CountLines(absl::string_view text) {
    return std::count(text.begin(), text.end(), '\n');
  }

  static absl::Status SetEntry(const Entry& entry, Config* config) {
    const bool known = Contains(Keys(), entry.key);
    if (IsListKey(entry.key) && entry.items) return SetItems(entry, config);
    if (known && !entry.value) {
      return Invalid(absl::StrCat(entry.key, ": must be a single value"));
    }
    const absl::Status status =
        Set(entry.key, entry.value.value_or(""), config);
    if (status.ok() || !known) return status;
    return Invalid(absl::StrCat(entry.key, ": ", status.message()));
  }

  static absl::Status SetItems(const Entry& entry, Config* config) {
    for (const std::string& item : *entry.items) {
      const absl::Status status = Set(entry.key, item, config);
      if (!status.ok()) {
        return Invalid(absl::StrCat(entry.key, ": ", status.message()));
      }
    }
    return absl::OkStatus();
  }

  absl::Status At(int line, absl::string_view message) {
    return Invalid(absl::StrCat(path_, ":", line, ": ", message));
  }

  std::string path_;
};

// nullopt when there is no such file.
absl::StatusOr<std::optional<std::string>> ReadFile(const std::string& path) {
  std::FILE* const file = std::fopen(path.c_str(), "re");
  if (file == nullptr && errno == ENOENT) return std::nullopt;
  std::string text(kFileBytesMax + 1, '\0');
  bool failed = file == nullptr;
  if (!failed) {
    text.resize(std::fread(text.data(), 1, text.size(), file));
    failed = std::ferror(file) != 0;
  }
  const std::string reason = std::generic_category().message(errno);
  const bool denied = errno == EACCES || errno == EPERM;
  if (file != nullptr) std::fclose(file);
  if (failed) {
    return MakeError(
        denied ? ErrorCode::kPermissionDenied : ErrorCode::kParseFailed,
        absl::StrCat("cannot read ", path, ": ", reason));
  }
  if (text.size() > kFileBytesMax) {
    return MakeError(
        ErrorCode::kTooLarge,
        absl::StrCat(path, " is larger than ", kFileBytesMax, " bytes"));
  }
  return text;
}

// A setting that does not come from the file.
struct Source {
  const char* key;
  const char* variable;
  const char* flag;
  const std::optional<std::string>& value;
};

absl::Status Override(const Source& source, EnvironmentReader environment,
                      Config* config) {
  const auto from_environment = environment(source.variable);
  const auto& value = source.value ? source.value : from_environment;
  if (!value) return absl::OkStatus();
  const absl::Status status = Set(source.key, *value, config);
  if (status.ok()) return status;
  return Invalid(absl::StrCat(
      source.value ? source.flag : absl::StrCat("$", source.variable), ": ",
      status.message()));
}

// What makes sense alone but not together.
absl::Status CheckBootstrap(const Config& config) {
  const bool key = !config.bootstrap_key.empty();
  const bool key_file = !config.bootstrap_key_file.empty();
  if (key && key_file) {
    return Invalid("bootstrap_key and bootstrap_key_file are both set");
  }
  if ((config.bootstrap_expect > 1 || !config.retry_join.empty()) && !key &&
      !key_file) {
    return Invalid(
        "bootstrap_expect and retry_join need a bootstrap_key, the same on all "
        "servers, by which they know each other");
  }
  return absl::OkStatus();
}

// Of the file `path`, what was read from it, and the files that it names.
absl::Status CheckSecrets(const std::string& path, bool key_inside,
                          Config* config) {
  for (const auto& [what, file] :
       std::initializer_list<std::pair<absl::string_view, std::string>>{
           {"bootstrap_key", key_inside ? path : ""},
           {"bootstrap_key", config->bootstrap_key_file},
           {"seal key", config->seal_key_file}}) {
    if (file.empty()) continue;
    auto warning = CheckPrivate(what, file);
    if (!warning.ok()) return warning.status();
    if (!warning->empty()) config->warnings.push_back(*std::move(warning));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckBootstrapKey(absl::string_view key) {
  constexpr size_t kBytesMin = 16;
  constexpr size_t kBytesMax = 1024;
  const bool fits = key.size() >= kBytesMin && key.size() <= kBytesMax &&
                    std::all_of(key.begin(), key.end(), absl::ascii_isgraph);
  if (fits) return absl::OkStatus();
  return Invalid(absl::StrCat("must be ", kBytesMin, " to ", kBytesMax,
                              " printable characters without blanks, as "
                              "`openssl rand -hex 32` makes them"));
}

absl::StatusOr<Config> ParseConfig(absl::string_view text,
                                   absl::string_view path) {
  Config config;
  const absl::Status status = FileParser(path).Parse(text, &config);
  if (!status.ok()) return status;
  return config;
}

absl::StatusOr<Config> LoadConfig(const ConfigFlags& flags,
                                  EnvironmentReader environment) {
  std::optional<std::string> named = flags.config;
  if (!named) named = environment("JACO_CONFIG");
  const std::string path = named.value_or(std::string(kDefaultConfigPath));
  const auto text = ReadFile(path);
  if (!text.ok()) return text.status();
  if (!text->has_value() && path != kDefaultConfigPath) {
    return MakeError(ErrorCode::kNotFound,
                     absl::StrCat("there is no configuration file ", path));
  }
  auto config = ParseConfig(text->value_or(""), path);
  if (!config.ok()) return config.status();
  const bool key_inside = !config->bootstrap_key.empty();
  const std::optional<std::string> no_flag;
  for (const Source& source :
       {Source{"data_dir", "JACO_DATA_DIR", "--data-dir", flags.data_dir},
        Source{"unix_socket", "JACO_SOCKET", "--socket", flags.socket},
        Source{"seal_key_file", "JACO_SEAL_KEY_FILE", "", no_flag},
        Source{"bootstrap_key", "JACO_BOOTSTRAP_KEY", "", no_flag},
        Source{"bootstrap_key_file", "JACO_BOOTSTRAP_KEY_FILE", "", no_flag},
        Source{"log_level", "JACO_LOG", "--log-level", flags.log_level}}) {
    const absl::Status status = Override(source, environment, &*config);
    if (!status.ok()) return status;
  }
  if (config->listen_addr == config->cluster_addr) {
    return Invalid(absl::StrCat(
        path, ": listen_addr and cluster_addr are both ", config->listen_addr));
  }
  const absl::Status bootstrap = CheckBootstrap(*config);
  if (!bootstrap.ok()) {
    return Invalid(absl::StrCat(path, ": ", bootstrap.message()));
  }
  if (absl::Status kept = CheckSecrets(path, key_inside, &*config);
      !kept.ok()) {
    return kept;
  }
  if (config->node_name.empty()) {
    const absl::Status status = SetName(HostName(), &config->node_name);
    if (!status.ok()) {
      return Invalid(absl::StrCat("the name of this host, ", status.message(),
                                  "; set node_name in ", path));
    }
  }
  return config;
}

}  // namespace jaco::cmd
