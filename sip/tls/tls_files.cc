// SPDX-License-Identifier: Apache-2.0
#include "sip/tls/tls_files.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/freed.h"

namespace callcontrol::sip {
namespace {

using X509Ptr = std::unique_ptr<X509, Freed<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using FilePtr = std::unique_ptr<std::FILE, Freed<std::fclose>>;
using ContextPtr = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;
using StorePtr = std::unique_ptr<X509_STORE, Freed<X509_STORE_free>>;

// A daemon has nobody to ask for a passphrase.
int NoPassphrase(char*, int, int, void*) { return 0; }

std::optional<TlsProblem> Unreadable(const char* field,
                                     const std::string& path) {
  return TlsProblem{field,
                    absl::StrCat("cannot read ", path, ": ",
                                 std::generic_category().message(errno))};
}

// Every certificate of a PEM file, in its order; empty for none.
std::vector<X509Ptr> ReadCertificates(std::FILE* file) {
  std::vector<X509Ptr> certificates;
  while (X509* one = PEM_read_X509(file, nullptr, &NoPassphrase, nullptr)) {
    certificates.emplace_back(one);
  }
  ERR_clear_error();  // The end of the file is one.
  return certificates;
}

std::optional<TlsProblem> SetCertificate(const TlsOptions& options,
                                         SSL_CTX& context) {
  const FilePtr chain_file(std::fopen(options.certificate.c_str(), "re"));
  if (chain_file == nullptr) {
    return Unreadable("certificate", options.certificate);
  }
  const std::vector<X509Ptr> chain = ReadCertificates(chain_file.get());
  if (chain.empty()) {
    return TlsProblem{"certificate", absl::StrCat(options.certificate,
                                                  " holds no certificate in "
                                                  "PEM")};
  }
  X509& leaf = *chain.front();
  if (X509_cmp_current_time(X509_get0_notAfter(&leaf)) <= 0) {
    return TlsProblem{"certificate",
                      absl::StrCat("the certificate in ", options.certificate,
                                   " has expired")};
  }
  if (X509_cmp_current_time(X509_get0_notBefore(&leaf)) > 0) {
    return TlsProblem{"certificate",
                      absl::StrCat("the certificate in ", options.certificate,
                                   " is not valid yet")};
  }
  const FilePtr key_file(std::fopen(options.private_key.c_str(), "re"));
  if (key_file == nullptr) {
    return Unreadable("private_key", options.private_key);
  }
  const KeyPtr key(
      PEM_read_PrivateKey(key_file.get(), nullptr, &NoPassphrase, nullptr));
  if (key == nullptr) {
    return TlsProblem{"private_key",
                      absl::StrCat(options.private_key,
                                   " holds no private key in PEM without a "
                                   "passphrase")};
  }
  if (X509_check_private_key(&leaf, key.get()) != 1) {
    return TlsProblem{"private_key",
                      absl::StrCat("the key in ", options.private_key,
                                   " is not that of the certificate in ",
                                   options.certificate)};
  }
  STACK_OF(X509)* const others = sk_X509_new_null();
  for (std::size_t i = 1; i < chain.size(); ++i) {
    sk_X509_push(others, chain[i].get());
  }
  const int taken =
      SSL_CTX_use_cert_and_key(&context, &leaf, key.get(), others, 1);
  sk_X509_free(others);
  if (taken == 1) return std::nullopt;
  return TlsProblem{"certificate",
                    absl::StrCat("the certificate in ", options.certificate,
                                 " is too weak for OpenSSL")};
}

std::optional<TlsProblem> SetAuthorities(const TlsOptions& options,
                                         SSL_CTX& context) {
  StorePtr store(X509_STORE_new());
  STACK_OF(X509_NAME)* const asked_for = sk_X509_NAME_new_null();
  if (options.ca_file.empty()) {
    X509_STORE_set_default_paths(store.get());
  } else {
    const FilePtr file(std::fopen(options.ca_file.c_str(), "re"));
    if (file == nullptr) {
      sk_X509_NAME_free(asked_for);
      return Unreadable("ca_file", options.ca_file);
    }
    const std::vector<X509Ptr> authorities = ReadCertificates(file.get());
    for (const X509Ptr& authority : authorities) {
      X509_STORE_add_cert(store.get(), authority.get());
      sk_X509_NAME_push(asked_for,
                        X509_NAME_dup(X509_get_subject_name(authority.get())));
    }
    if (authorities.empty()) {
      sk_X509_NAME_free(asked_for);
      return TlsProblem{"ca_file", absl::StrCat(options.ca_file,
                                                " holds no certificate in "
                                                "PEM")};
    }
  }
  SSL_CTX_set_cert_store(&context, store.release());
  SSL_CTX_set_client_CA_list(&context, asked_for);
  return std::nullopt;
}

void AddName(std::vector<std::string>& names, const ASN1_STRING* name) {
  const auto* const bytes =
      reinterpret_cast<const char*>(ASN1_STRING_get0_data(name));
  std::string text(bytes, static_cast<std::size_t>(ASN1_STRING_length(name)));
  if (text.find('\0') == std::string::npos) names.push_back(std::move(text));
}

void AddAddress(std::vector<std::string>& names, const ASN1_STRING* name) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int length = ASN1_STRING_length(name);
  if (length != 4 && length != 16) return;
  inet_ntop(length == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name),
            text.data(), text.size());
  names.emplace_back(text.data());
}

std::string CommonName(const X509& certificate) {
  const X509_NAME* const subject = X509_get_subject_name(&certificate);
  int last = -1;
  for (int at = -1;
       (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) {
    last = at;
  }
  if (last < 0) return "";
  unsigned char* text = nullptr;
  const int length = ASN1_STRING_to_UTF8(
      &text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last)));
  if (length < 0) return "";
  std::string name(reinterpret_cast<const char*>(text),
                   static_cast<std::size_t>(length));
  OPENSSL_free(text);
  return name.find('\0') == std::string::npos ? name : "";
}

}  // namespace

std::optional<TlsProblem> SetUpTls(const TlsOptions& options,
                                   ssl_ctx_st& context) {
  ERR_clear_error();
  SSL_CTX_set_min_proto_version(&context, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(&context, OSSL_default_cipher_list());
  // A far end that just closes has said nothing false: SIP messages tell their
  // own length.
  SSL_CTX_set_options(&context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                                    SSL_OP_NO_COMPRESSION |
                                    SSL_OP_IGNORE_UNEXPECTED_EOF);
  // SIP connections are few and long; sessions kept would be memory that
  // strangers fill.
  SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(&context, 0);
  std::optional<TlsProblem> problem = SetCertificate(options, context);
  if (!problem) problem = SetAuthorities(options, context);
  ERR_clear_error();
  return problem;
}

std::optional<TlsProblem> CheckTlsFiles(const TlsOptions& options) {
  const ContextPtr context(SSL_CTX_new(TLS_method()));
  return SetUpTls(options, *context);
}

CertificateNames ReadCertificateNames(const x509_st& certificate) {
  CertificateNames names;
  names.common_name = CommonName(certificate);
  names.has_alternative_names =
      X509_get_ext_by_NID(&certificate, NID_subject_alt_name, -1) >= 0;
  const NamesPtr list(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(list.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(list.get(), i);
    if (name->type == GEN_URI) {
      AddName(names.uris, name->d.uniformResourceIdentifier);
    } else if (name->type == GEN_DNS) {
      AddName(names.dns_names, name->d.dNSName);
    } else if (name->type == GEN_IPADD) {
      AddAddress(names.ip_addresses, name->d.iPAddress);
    }
  }
  return names;
}

}  // namespace callcontrol::sip
