//! Server-sent events (HTML Standard, section 9.2.6) out of the pieces of an answer's body.

/// Longest line of an event, in bytes.
const LINE_BYTES_MAX: usize = 1024 * 1024;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// Where the stream goes on after it.
    pub(crate) id: Option<String>,
    pub(crate) data: String,
}

/// A line is longer than any that a server sends.
#[derive(Debug, thiserror::Error)]
#[error("expected lines of at most {LINE_BYTES_MAX} bytes")]
pub(crate) struct LineTooLong;

/// What was received and is not an event yet.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    event: Event,
}

impl Parser {
    /// Takes the next piece and returns the events that it completes.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<Vec<Event>, LineTooLong> {
        let mut events = Vec::new();
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if self.line.len() > LINE_BYTES_MAX || self.event.data.len() > LINE_BYTES_MAX {
                return Err(LineTooLong);
            }
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                events.extend(self.end_line(&String::from_utf8_lossy(&line)));
            }
        }
        Ok(events)
    }

    /// The event that this line completes. An event without data is none.
    fn end_line(&mut self, line: &str) -> Option<Event> {
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return (!event.data.is_empty()).then_some(event);
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" if !value.contains('\0') => self.event.id = Some(value.to_owned()),
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            // A comment, such as a heartbeat, the kind of the event, or what is not known here.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = ":\n\nid: queued\nevent: proof\ndata: {\"a\":\ndata: 1}\n\n\
                          id: 1-msm\r\ndata:x\r\n\r\nid: lost\n\ndata: no end";

    fn event(id: &str, data: &str) -> Event {
        Event { id: Some(id.to_owned()), data: data.to_owned() }
    }

    #[test]
    fn events_are_the_same_however_they_are_cut_into_pieces() {
        for size in 1..STREAM.len() {
            let mut parser = Parser::default();
            let pieces = STREAM.as_bytes().chunks(size);
            let events: Vec<_> = pieces.flat_map(|piece| parser.push(piece).unwrap()).collect();
            assert_eq!(events, [event("queued", "{\"a\":\n1}"), event("1-msm", "x")], "{size}");
        }
    }

    #[test]
    fn a_line_without_end_is_rejected() {
        let mut parser = Parser::default();
        let piece = vec![b'a'; LINE_BYTES_MAX / 2];
        assert!(parser.push(&piece).is_ok());
        assert!(parser.push(&piece).is_ok());
        assert!(parser.push(&piece).is_err());
        let mut parser = Parser::default();
        let line = format!("data: {}\n", "a".repeat(1000));
        assert!((0..2000).any(|_| parser.push(line.as_bytes()).is_err()));
    }
}
