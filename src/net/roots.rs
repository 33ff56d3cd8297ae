//! Root certificates that an application trusts in addition to the compiled-in ones.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The input is not a usable set of root certificates.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootCertificateError {
    /// The input contains no certificate.
    #[error("no root certificate found: pass PEM or one certificate as DER")]
    Empty,
    /// The input looks like PEM and cannot be read as such.
    #[error("the root certificates cannot be read as PEM: {source}")]
    Pem {
        /// The cause.
        source: BoxError,
    },
    /// A certificate cannot be used as a root.
    #[error("a certificate cannot be used as a root: {source}")]
    Invalid {
        /// The cause.
        source: BoxError,
    },
}

/// Parses PEM with one or more certificates, or one certificate as DER.
pub(super) fn parse(given: &[u8]) -> Result<Vec<CertificateDer<'static>>, RootCertificateError> {
    let roots = if given.windows(11).any(|it| it == b"-----BEGIN ") {
        CertificateDer::pem_slice_iter(given)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| RootCertificateError::Pem { source: error.into() })?
    } else if given.is_empty() {
        Vec::new()
    } else {
        vec![CertificateDer::from(given.to_vec())]
    };
    if roots.is_empty() {
        return Err(RootCertificateError::Empty);
    }
    let mut store = RootCertStore::empty();
    for root in &roots {
        store
            .add(root.clone())
            .map_err(|error| RootCertificateError::Invalid { source: error.into() })?;
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn input_without_a_certificate_is_refused_with_its_cause() {
        assert!(matches!(parse(b""), Err(RootCertificateError::Empty)));
        let key = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        assert!(matches!(parse(key), Err(RootCertificateError::Empty)));

        let noise = parse(b"noise").expect_err("not a certificate");
        assert!(matches!(noise, RootCertificateError::Invalid { .. }) && noise.source().is_some());
    }
}
