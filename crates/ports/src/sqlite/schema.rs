//! The queue's file: opening it and telling it from other files.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG;
use rusqlite::{Connection, TransactionBehavior};

/// Marks the file as one of ours: ASCII "zkpq" in SQLite's application id.
const APPLICATION_ID: i32 = 0x7a6b_7071;

/// The layout below. A file of another version is refused, not guessed at.
const VERSION: i32 = 1;

/// How long one process waits for another's transaction. Each takes microseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// `due_ms` is the Unix time in milliseconds from which a message is visible. A message is
/// `held` between its delivery and its deletion or release; `deliveries` numbers its receipts and
/// never goes back, unlike `receives`. `AUTOINCREMENT` keeps a receipt of a deleted message from
/// fitting a later one. A turn says when its group was served last.
const LAYOUT: &str = "
    CREATE TABLE message (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        grp TEXT NOT NULL,
        body TEXT NOT NULL,
        due_ms INTEGER NOT NULL,
        receives INTEGER NOT NULL DEFAULT 0,
        deliveries INTEGER NOT NULL DEFAULT 0,
        held INTEGER NOT NULL DEFAULT 0,
        dead INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX message_by_group ON message (grp, seq, due_ms, receives) WHERE dead = 0;
    CREATE INDEX message_by_time ON message (due_ms) WHERE dead = 0;
    CREATE INDEX message_by_receives ON message (receives, due_ms) WHERE dead = 0;
    CREATE INDEX message_dead ON message (seq) WHERE dead = 1;
    CREATE TABLE turn (
        grp TEXT PRIMARY KEY,
        served INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX turn_by_served ON turn (served, grp);
";

/// Why a file cannot be a queue.
#[derive(Debug, thiserror::Error)]
pub enum QueueOpenError {
    /// The file is a database of another application.
    #[error("{path}: expected a queue (application id {APPLICATION_ID:#x}), found {found:#x}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The application id in the file; 0 where the application gave none.
        found: i32,
    },
    /// The file was written by another version of this software.
    #[error("{path}: expected version {VERSION} of the queue's layout, found {found}")]
    Version {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        found: i32,
    },
    /// The file cannot be created or opened.
    #[error("{path}: cannot open the queue")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// SQLite refuses the file: it is damaged or no database.
    #[error("{path}: not a usable SQLite database")]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
}

/// Opens the queue in `path`, which is created with mode 0600 if need be.
pub(super) fn open(path: &Path) -> Result<Connection, QueueOpenError> {
    let _opening =
        create(path).map_err(|source| QueueOpenError::File { path: path.to_owned(), source })?;
    let refused = |source| QueueOpenError::Database { path: path.to_owned(), source };
    let mut connection = connect(path).map_err(refused)?;
    let (application, version) = create_or_identify(&mut connection).map_err(refused)?;
    match (application, version) {
        (APPLICATION_ID, VERSION) => Ok(connection),
        (APPLICATION_ID, found) => Err(QueueOpenError::Version { path: path.to_owned(), found }),
        (found, _) => Err(QueueOpenError::Foreign { path: path.to_owned(), found }),
    }
}

/// Creates the file if need be. Returns what keeps others from opening it until it is dropped: SQLite
/// does not wait while two of them change the journal's mode, and refuses one.
fn create(path: &Path) -> io::Result<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let opening = File::open(folder.unwrap_or(Path::new(".")))?;
    opening.lock()?;
    // SQLite gives its side files the mode of the main file. One that is there is not opened: closing
    // it would end this process's locks on it (fcntl(2)).
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        Err(_) if path.is_dir() => Err(ErrorKind::IsADirectory.into()),
        _ => Ok(opening),
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // With a write-ahead log and NORMAL, a commit is in the operating system's hands when it
    // returns, so that nothing is lost to kill -9 and no commit waits for the disk. A power
    // loss can take the latest commits but not the file's integrity: a message sent again or
    // received once more, and a lost one is sent again by the sweeper, which goes by records.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // Plans do not depend on values. Otherwise a statement that is bound to others is prepared
    // again, which takes longer than what the statement does.
    connection.set_db_config(SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

/// Lays a new file out; the application id and version of the file then.
fn create_or_identify(connection: &mut Connection) -> rusqlite::Result<(i32, i32)> {
    let identity = {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let is_new =
            transaction
                .query_row("SELECT COUNT(*) = 0 FROM sqlite_schema", [], |row| row.get(0))?;
        if is_new && identity(&transaction)? == (0, 0) {
            transaction.execute_batch(LAYOUT)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
        }
        let identity = identity(&transaction)?;
        transaction.commit()?;
        identity
    };
    // A foreign database keeps its journal mode. The mode is kept in the file, so that only the
    // first process changes it, and only after the layout is there.
    if identity == (APPLICATION_ID, VERSION) {
        let _: String =
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    }
    Ok(identity)
}

fn identity(connection: &Connection) -> rusqlite::Result<(i32, i32)> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get(0));
    Ok((pragma("application_id")?, pragma("user_version")?))
}
