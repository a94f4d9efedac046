// SPDX-License-Identifier: Apache-2.0
//
// What a configuration may say of SIP over TLS.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/config.h"
#include "server/engine_settings.h"
#include "tests/support/certificates.h"

namespace callcontrol::server {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class TlsConfigTest : public ::testing::Test {
 protected:
  TlsConfigTest() {
    std::filesystem::create_directories(dir_);
    const callcontrol::testing::KeyPair own =
        authority_.Issue({.alternative_names = {"DNS:a.example"}});
    Write("cert.pem", own.certificate + authority_.certificate());
    Write("key.pem", own.key);
    Write("ca.pem", authority_.certificate());
  }
  ~TlsConfigTest() override { std::filesystem::remove_all(dir_); }

  std::string Path(const std::string& name) const {
    return (dir_ / name).string();
  }
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(Path(name)) << text;
  }

  // A configuration with these files, and with `more` in sip.tls.
  std::string Config(const std::string& certificate = "cert.pem",
                     const std::string& key = "key.pem",
                     const std::string& more = "") const {
    return absl::StrCat("sip {\n tls {\n  certificate: '", Path(certificate),
                        "'\n  private_key: '", Path(key), "'\n", more,
                        "\n }\n}\n");
  }

  // What is wrong with it; empty where nothing is.
  static std::string Complaint(const std::string& text) {
    return std::string(ReadConfig(text, "cfg").status().message());
  }

  // Tests run side by side, so the name is this process's own.
  const std::filesystem::path dir_ =
      std::filesystem::path(::testing::TempDir()) /
      absl::StrCat("callcontrol_tls_config_test_", getpid());
  const callcontrol::testing::TestAuthority authority_;
};

TEST_F(TlsConfigTest, FilesThatBelongTogetherAreGood) {
  EXPECT_EQ(Complaint(Config()), "");
  EXPECT_EQ(Complaint(Config("cert.pem", "key.pem",
                             absl::StrCat("ca_file: '", Path("ca.pem"), "'"))),
            "");
}

TEST_F(TlsConfigTest, BothFilesMustBeNamed) {
  EXPECT_THAT(Complaint("sip { tls {} }"),
              StartsWith("cfg:1: sip.tls.certificate: must be the path"));
  EXPECT_THAT(Complaint(absl::StrCat("sip { tls { certificate: '",
                                     Path("cert.pem"), "' } }")),
              StartsWith("cfg:1: sip.tls.private_key: must be the path"));
}

TEST_F(TlsConfigTest, ACertificateThatIsOfNoUseIsRefused) {
  EXPECT_EQ(Complaint(Config("none.pem")),
            absl::StrCat("cfg:3: sip.tls.certificate: cannot read ",
                         Path("none.pem"), ": No such file or directory"));
  Write("text.pem", "no certificate");
  EXPECT_THAT(Complaint(Config("text.pem")),
              HasSubstr("holds no certificate in PEM"));
  Write("old.pem", authority_.Issue({.valid_to = -1}).certificate);
  EXPECT_THAT(Complaint(Config("old.pem")),
              StartsWith("cfg:3: sip.tls.certificate: the certificate in "));
  EXPECT_THAT(Complaint(Config("old.pem")), HasSubstr("has expired"));
  Write("young.pem", authority_.Issue({.valid_from = 600}).certificate);
  EXPECT_THAT(Complaint(Config("young.pem")), HasSubstr("is not valid yet"));
}

TEST_F(TlsConfigTest, AKeyThatIsOfNoUseIsRefused) {
  EXPECT_EQ(Complaint(Config("cert.pem", "none.pem")),
            absl::StrCat("cfg:4: sip.tls.private_key: cannot read ",
                         Path("none.pem"), ": No such file or directory"));
  EXPECT_THAT(Complaint(Config("cert.pem", "cert.pem")),
              HasSubstr("holds no private key in PEM without a passphrase"));
  Write("other.pem", authority_.Issue({}).key);
  EXPECT_THAT(Complaint(Config("cert.pem", "other.pem")),
              HasSubstr("is not that of the certificate in "));
}

TEST_F(TlsConfigTest, AuthoritiesThatAreOfNoUseAreRefused) {
  EXPECT_THAT(Complaint(Config("cert.pem", "key.pem", "ca_file: '/none'")),
              StartsWith("cfg:5: sip.tls.ca_file: cannot read /none: "));
  EXPECT_THAT(
      Complaint(Config("cert.pem", "key.pem",
                       absl::StrCat("ca_file: '", Path("key.pem"), "'"))),
      HasSubstr("sip.tls.ca_file: "));
}

TEST_F(TlsConfigTest, ItListensWhereItIsTold) {
  std::string text = Config();
  text.insert(text.rfind('}'), "listen: '127.0.0.9:5080'");
  const auto beside = ReadConfig(text, "cfg");
  ASSERT_TRUE(beside.ok()) << beside.status();
  EXPECT_EQ(TlsOptionsOf(*beside)->listen_host, "127.0.0.9");
  EXPECT_EQ(TlsOptionsOf(*beside)->listen_port, 5061);
  EXPECT_EQ(TlsOptionsOf(*beside)->client_certificate,
            sip::ClientCertificate::kOff);
  // TLS is what makes it fit for others to reach.
  const auto told = ReadConfig(Config("cert.pem", "key.pem",
                                      "listen: '[::]:5062' client_certificate: "
                                      "CLIENT_CERTIFICATE_REQUIRED"),
                               "cfg");
  ASSERT_TRUE(told.ok()) << told.status();
  EXPECT_EQ(TlsOptionsOf(*told)->listen_host, "[::]");
  EXPECT_EQ(TlsOptionsOf(*told)->listen_port, 5062);
  EXPECT_EQ(TlsOptionsOf(*told)->client_certificate,
            sip::ClientCertificate::kRequired);
  EXPECT_THAT(
      Complaint(Config("cert.pem", "key.pem", "listen: 'sip.example:5061'")),
      StartsWith("cfg:5: sip.tls.listen: must be ADDRESS:PORT"));
  EXPECT_FALSE(TlsOptionsOf(config::v1::Config()).has_value());
}

TEST_F(TlsConfigTest, ATrunkOverTlsNeedsIt) {
  const std::string trunk =
      "trunks { name: 'a' address: 'a.example' transport: SIP_TRANSPORT_TLS "
      "tls_name: 'sbc.example' }";
  EXPECT_EQ(Complaint(trunk), "cfg:1: trunks.transport: TLS needs sip.tls");
  const auto config = ReadConfig(absl::StrCat(Config(), trunk), "cfg");
  ASSERT_TRUE(config.ok()) << config.status();
  const sip::Trunks trunks = *TrunksOf(*config);
  EXPECT_EQ(trunks.front()->uri, "sip:a.example;transport=tls");
  EXPECT_EQ(trunks.front()->tls_name, "sbc.example");
  EXPECT_THAT(Complaint("trunks { name: 'a' tls_name: 'a.example:5061' }"),
              HasSubstr("trunks.tls_name: must be a domain"));
}

}  // namespace
}  // namespace callcontrol::server
