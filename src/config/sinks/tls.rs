//! `tls` of a sink: whom it trusts, and as whom it connects.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::endpoint::Endpoint;

/// Files for a connection over TLS, in PEM format.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "`tls` must be a mapping such as `{ca_file: /etc/edgefuse/ca.pem}`")]
pub struct TlsFiles {
    /// Certificates of the authorities to trust instead of Mozilla's.
    pub ca_file: Option<PathBuf>,
    /// The certificate that this device shows, followed by those between it and its authority.
    pub cert_file: Option<PathBuf>,
    /// The key of that certificate.
    pub key_file: Option<PathBuf>,
}

impl TlsFiles {
    pub(super) fn check(&self, endpoint: &Endpoint) -> Result<(), (Vec<&'static str>, String)> {
        if *self != TlsFiles::default() && !endpoint.tls {
            let problem = format!("{endpoint} is not encrypted; start the address with {}://", endpoint.protocol.tls.0);
            return Err((vec!["tls"], problem));
        }
        match (&self.cert_file, &self.key_file) {
            (Some(_), None) => Err((vec!["tls", "cert_file"], "a certificate needs its `key_file`".to_string())),
            (None, Some(_)) => Err((vec!["tls", "key_file"], "a key needs its `cert_file`".to_string())),
            _ => Ok(()),
        }
    }

    /// The files that are given, in this order: authorities, certificate, key.
    pub(super) fn files(&self) -> [Option<&Path>; 3] {
        [self.ca_file.as_deref(), self.cert_file.as_deref(), self.key_file.as_deref()]
    }

    pub(super) fn root(&mut self, base: &Path) {
        for path in [&mut self.ca_file, &mut self.cert_file, &mut self.key_file].into_iter().flatten() {
            *path = base.join(&*path);
        }
    }
}
