// The fuzz targets over random bytes and over valid input with random damage:
// what every build can afford. The real thing is `bazel build --config=clang
// --copt=-fsanitize=fuzzer ...:*_fuzz`.

#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "jaco/base/prng.h"

// One binary a target: each links exactly one of these.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace jaco {
namespace {

const std::vector<std::string>& Seeds() {
  static const auto& seeds = *new std::vector<std::string>{
      "POST\n/v1/token\n{\"identity\":\"a\",\"allow_privileged\":true}",
      "POST\n/v1/cluster/init\n{\"name\":\"x\"}",
      "DELETE\n/v1/token/a%20b\n",
      "PUT\n/v1/user/a\n{\"password\":\"b\"}",
      "POST\n/v1/bootstrap/validate/recover_cluster\n{}",
      "POST\n/v1/server/challenge\n\x0a\1u\x12\2nn",
      "POST\n/v1/server/prove\n\x0a\2nn\x12\2pp\x1a\1n\x20\1",
      "POST\n/v1/bootstrap/join_cluster\n{\"action\":\"join_cluster\","
      "\"cluster\":{\"nodes\":[\"1.1.1.1\"],\"name\":\"a.b\"},\"node\":{"
      "\"identity\":{\"uid\":null,\"addr\":\"1.2.3.4\","
      "\"external_addr\":[\"::1\"]}},\"max_retries\":3,"
      "\"credentials\":{\"username\":\"u\",\"password\":\"p\"}}",
      "GET\n/v1/cluster/status?x\n",
      "{\"code\":\"no_leader\",\"message\":\"m\",\"details\":{}}",
      std::string("JACOPEER\1\7\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\3\0\0\0abc", 32),
      "node_name: a\nlisten_addr: 0.0.0.0:7000\ncluster_addr: '[::1]:7001'\n",
      "data_dir: &a [x, *a]\n? !!binary {a: b}\n",
      "api_listeners: [https://0.0.0.0:7443, 'http://127.0.0.1:8500']\n",
      "-----BEGIN CERTIFICATE REQUEST-----\n"
      "MIHUMIGHAgEAMBkxCzAJBgNVBAoMAmMxMQowCAYDVQQDDAFuMCowBQYDK2VwAyEA\n"
      "m8Mjyj82X8lU0OCmWjTvpJN/NZo52n9wCWAY84fAeAegOzA5BgkqhkiG9w0BCQ4x\n"
      "LDAqMCgGA1UdEQQhMB+GFHNwaWZmZTovL2MxL25vZGUvNy9uggFuhwQKAAAFMAUG\n"
      "AytlcANBABgAzfdxUHKL9XA4YBNjE4YPoWFKFItkz2YZTfzC97TDfm7ZUTdU3IDF\n"
      "QVjILAh0pBMIgiqDPrnI+pHMNfbuNwo=\n"
      "-----END CERTIFICATE REQUEST-----\n",
      "-----BEGIN CERTIFICATE-----\n"
      "MIIBaDCCARqgAwIBAgIUXji4DeGbXXwsfnOjVIx7/Q3sCVwwBQYDK2VwMBkxCzAJ\n"
      "BgNVBAoMAmMxMQowCAYDVQQDDAFuMB4XDTI2MTEyMTE1NTMzNFoXDTM2MTExODE1\n"
      "NTMzNFowGTELMAkGA1UECgwCYzExCjAIBgNVBAMMAW4wKjAFBgMrZXADIQCbwyPK\n"
      "PzZfyVTQ4KZaNO+kk381mjnaf3AJYBjzh8B4B6N0MHIwHQYDVR0OBBYEFLN0QZK+\n"
      "/zltp8sW9iwxwGibxrGmMB8GA1UdIwQYMBaAFLN0QZK+/zltp8sW9iwxwGibxrGm\n"
      "MA8GA1UdEwEB/wQFMAMBAf8wHwYDVR0RBBgwFoYUc3BpZmZlOi8vYzEvbm9kZS83\n"
      "L24wBQYDK2VwA0EAlZOKHRrYIIV23KdyT+Ni1Nxn+tfGBYOOjSSXz4PcYTibpA0o\n"
      "nvioJ9HmqiFQPr1PxyR6xQzTfS4MLQjJYhu3Ag==\n"
      "-----END CERTIFICATE-----\n",
      "spiffe://c1/node/7/n",
      "jaco-history 1\nc1 10 20 n issue a ok 5\nc2 2 - n revoke a unknown x\n"
      "c1 21 30 n list ok 9 a=5/8\nc1 31 40 n issue a exists\n",
      R"({"Version":1,"ID":"2-7-5","Index":7,"Term":2,"Size":9,)"
      R"("schema_version":1,"cluster_id":"c","cluster_name":"n",)"
      R"("node_name":"a","jaco_version":"1",)"
      R"("taken_at":"2026-11-21T18:00:00.000Z"})",
      // A hello of server 7, which asks to accept.
      std::string("\x09\7\0\0\0\0\0\0\0\x12\1n\x1a\3a:1\x20\3\x30\2"
                  "\x3a\x0b\x08\1\x11\7\0\0\0\0\0\0\0"
                  "\x42\x0c\x09\7\0\0\0\0\0\0\0\x12\1n",
                  46),
  };
  return seeds;
}

void Damage(Prng& prng, std::string& text) {
  for (uint64_t edits = prng.Below(6); edits > 0 && !text.empty(); --edits) {
    const size_t at = prng.Below(text.size());
    switch (prng.Below(4)) {
      case 0:
        text[at] = static_cast<char>(prng.Next());
        break;
      case 1:
        text.erase(at, prng.Below(8));
        break;
      case 2:
        text.insert(at, text.substr(prng.Below(text.size()), prng.Below(16)));
        break;
      default:
        text.insert(at, prng.Below(50), "[{\"'&*-:\n"[prng.Below(9)]);
    }
  }
}

TEST(FuzzTest, DamagedAndRandomBytes) {
  constexpr int kRounds = 20'000;
  Prng prng(20'26);
  for (int i = 0; i < kRounds; ++i) {
    std::string text;
    if (prng.Chance(1, 4)) {
      for (uint64_t n = prng.Below(200); n > 0; --n) {
        text.push_back(static_cast<char>(prng.Next()));
      }
    } else {
      text = Seeds()[prng.Below(Seeds().size())];
      Damage(prng, text);
    }
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(text.data()),
                           text.size());
  }
}

}  // namespace
}  // namespace jaco
