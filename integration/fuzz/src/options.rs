//! Options: any value for each, as the environment may hold them.
//!
//! What must hold here: a value that is refused changes nothing and is pointed at inside itself; what is said of it ends.
#![no_main]

use faultless_core::options::{self, SetError, Settings, TABLE};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (Some(row), value) =
        (data.first().and_then(|b| TABLE.get(*b as usize % TABLE.len())), data.get(1..).unwrap_or(&[]))
    else {
        return;
    };
    let mut settings = Settings::new();
    match settings.set(row.env.as_bytes(), value) {
        Ok(()) => {}
        Err(SetError::UnknownName) => panic!("{} is in the table", row.env),
        Err(SetError::BadValue { why, start, end, .. }) => {
            assert!(start <= end && end <= value.len(), "{start}..{end} of {} bytes", value.len());
            assert!(!why.is_empty());
            assert_eq!(format!("{:?}", settings), format!("{:?}", Settings::new()));
        }
    }
    let _ = settings.admits(value);
    let _ = options::nearest(value);
});
