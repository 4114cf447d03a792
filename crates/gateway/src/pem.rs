//! Certificates and keys from PEM files, within bounds, and what is wrong with such a file.

use std::{fs::File, io::Read, path::Path};

use rustls::pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject},
};

use crate::files;

/// Most bytes of one file.
const MAX_FILE: u64 = 4 * 1024 * 1024;
/// Most certificates that one file may have.
const MAX_CERTIFICATES: usize = 1000;

/// Reads a file. What is wrong reads on from the file's name.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>, String> {
    let path = file.to_str().map_or_else(|| file.to_owned(), files::written);
    let mut text = Vec::new();
    // One byte more than allowed is enough to know, also for a file without an end.
    let read = File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut text));
    match read {
        Err(error) => Err(format!("cannot be read: {error}")),
        Ok(_) if text.len() as u64 > MAX_FILE => Err(format!("is larger than {MAX_FILE} bytes")),
        Ok(_) => Ok(text),
    }
}

/// The certificates in the text of a file.
pub(crate) fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).take(MAX_CERTIFICATES).collect();
    match found {
        Ok(found) if found.is_empty() => Err(unread(&pem::Error::NoItemsFound, "certificate")),
        Ok(found) => Ok(found),
        Err(error) => Err(unread(&error, "certificate")),
    }
}

/// The first private key in the text of a file.
pub(crate) fn key(text: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(text).map_err(|error| unread(&error, "private key"))
}

/// Why a text cannot be read; the error itself may repeat lines of it.
fn unread(error: &pem::Error, what: &str) -> String {
    match error {
        pem::Error::NoItemsFound => format!("has no {what} in PEM form"),
        _ => "is not in PEM form".to_owned(),
    }
}
