// SPDX-License-Identifier: Apache-2.0
#include "tests/support/certificates.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <stdexcept>

#include "base/freed.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Bytes = std::unique_ptr<BIO, Freed<BIO_free_all>>;

void Require(bool good, const char* what) {
  if (!good) {
    throw std::runtime_error(
        Cat(what, ": ", ERR_error_string(ERR_get_error(), nullptr)));
  }
}

Key NewKey() {
  Key key(EVP_EC_gen("P-256"));
  Require(key != nullptr, "EVP_EC_gen");
  return key;
}

std::string Text(BIO* bytes) {
  char* data = nullptr;
  const auto size = BIO_ctrl(bytes, BIO_CTRL_INFO, 0, &data);
  return {data, static_cast<size_t>(size)};
}

std::string Pem(X509* certificate) {
  Bytes bytes(BIO_new(BIO_s_mem()));
  Require(PEM_write_bio_X509(bytes.get(), certificate) == 1, "PEM");
  return Text(bytes.get());
}

std::string Pem(EVP_PKEY* key) {
  Bytes bytes(BIO_new(BIO_s_mem()));
  Require(PEM_write_bio_PrivateKey(bytes.get(), key, nullptr, nullptr, 0,
                                   nullptr, nullptr) == 1,
          "PEM");
  return Text(bytes.get());
}

void Extend(X509* certificate, int kind, const std::string& value) {
  X509_EXTENSION* extension =
      X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
  Require(extension != nullptr, "X509V3_EXT_conf_nid");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// Authorities of one name would be taken for each other.
std::string NewAuthorityName() {
  static int number = 0;
  return Cat("Test authority ", ++number);
}

// Not signed yet.
Certificate NewCertificate(EVP_PKEY* key, const CertificateText& text) {
  static long serial = 0;
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), text.valid_from);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), text.valid_to);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(
      subject, "O", MBSTRING_UTF8,
      reinterpret_cast<const unsigned char*>("callcontrol tests"), -1, -1, 0);
  if (!text.common_name.empty()) {
    X509_NAME_add_entry_by_txt(
        subject, "CN", MBSTRING_UTF8,
        reinterpret_cast<const unsigned char*>(text.common_name.c_str()), -1,
        -1, 0);
  }
  std::string names;
  for (const std::string& name : text.alternative_names) {
    names += Cat(names.empty() ? "" : ",", name);
  }
  if (!names.empty()) Extend(certificate.get(), NID_subject_alt_name, names);
  return certificate;
}

}  // namespace

struct TestAuthority::Keys {
  Key key;
  Certificate certificate;
};

TestAuthority::TestAuthority() : keys_(std::make_unique<Keys>()) {
  keys_->key = NewKey();
  keys_->certificate =
      NewCertificate(keys_->key.get(), {.common_name = NewAuthorityName()});
  X509* own = keys_->certificate.get();
  X509_set_issuer_name(own, X509_get_subject_name(own));
  Extend(own, NID_basic_constraints, "critical,CA:TRUE");
  Require(X509_sign(own, keys_->key.get(), EVP_sha256()) != 0, "X509_sign");
  certificate_ = Pem(own);
}

TestAuthority::~TestAuthority() = default;

KeyPair TestAuthority::Issue(const CertificateText& text) const {
  Key key = NewKey();
  Certificate certificate = NewCertificate(key.get(), text);
  X509_set_issuer_name(certificate.get(),
                       X509_get_subject_name(keys_->certificate.get()));
  Require(X509_sign(certificate.get(), keys_->key.get(), EVP_sha256()) != 0,
          "X509_sign");
  return {Pem(certificate.get()), Pem(key.get())};
}

}  // namespace callcontrol::testing
