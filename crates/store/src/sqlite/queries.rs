//! Reading the tables, beside whoever writes them.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use rusqlite::Connection;

use super::schema::{self, DatabaseError};

/// Connections that are kept for the next question.
const KEPT: usize = 4;

/// Answers questions about calls and usage. Each has a read-only connection of its own for as long as it takes.
pub struct Queries {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Queries {
    /// Asks the database at `path`, which a [`super::Ledger`] has made.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), idle: Mutex::default() }
    }

    /// Runs `ask` on one state of the tables.
    pub(super) fn ask<T>(
        &self,
        ask: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, DatabaseError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection =
            idle.map_or_else(|| schema::open_to_read(&self.path), Ok).map_err(|error| self.error(error))?;
        let said = connection.transaction().and_then(|transaction| ask(&transaction));
        let said = said.map_err(|error| self.error(error))?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(connection);
        }
        Ok(said)
    }

    fn error(&self, error: rusqlite::Error) -> DatabaseError {
        DatabaseError::Sqlite { path: self.path.clone(), error }
    }
}
