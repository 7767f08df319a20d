#include "jaco/net/pki/openssl_handles.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "jaco/base/error.h"

namespace jaco::net {
namespace {

BioPtr ReaderOf(absl::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Without it OpenSSL would ask for a passphrase on the terminal.
int NoPassphrase(char*, int, int, void*) { return -1; }

absl::Status Refuse(absl::string_view what, absl::string_view why) {
  return MakeError(ErrorCode::kValidationFailed, absl::StrCat(what, why));
}

bool AtEndOfPem() {
  const unsigned long error = ERR_peek_last_error();  // NOLINT
  return ERR_GET_LIB(error) == ERR_LIB_PEM &&
         ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

}  // namespace

std::string TakeOpenSslError() {
  const unsigned long error = ERR_peek_last_error();  // NOLINT
  const char* reason = ERR_reason_error_string(error);
  std::string text = reason == nullptr ? "unknown error" : reason;
  ERR_clear_error();
  return text;
}

absl::StatusOr<std::vector<CertificatePtr>> ParseCertificates(
    absl::string_view pem) {
  if (pem.size() > kPemBytesMax) return Refuse("certificates: ", "too large");
  ERR_clear_error();
  const BioPtr reader = ReaderOf(pem);
  std::vector<CertificatePtr> found;
  while (true) {
    CertificatePtr next(
        PEM_read_bio_X509(reader.get(), nullptr, NoPassphrase, nullptr));
    if (next == nullptr) break;
    if (found.size() == kBundleMax) {
      return Refuse("certificates: ", "too many");
    }
    found.push_back(std::move(next));
  }
  if (!AtEndOfPem()) {
    return Refuse("damaged certificate: ", TakeOpenSslError());
  }
  ERR_clear_error();
  if (found.empty()) return Refuse("no certificate in PEM format", "");
  return found;
}

absl::StatusOr<KeyPtr> ParseKey(absl::string_view pem) {
  if (pem.size() > kPemBytesMax) return Refuse("private key: ", "too large");
  KeyPtr key(PEM_read_bio_PrivateKey(ReaderOf(pem).get(), nullptr, NoPassphrase,
                                     nullptr));
  if (key == nullptr) {
    return Refuse("not a private key in PEM format: ", TakeOpenSslError());
  }
  return key;
}

std::string ToPem(X509* certificate) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(out.get(), certificate);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);  // NOLINT
  return std::string(data, static_cast<size_t>(size));
}

}  // namespace jaco::net
