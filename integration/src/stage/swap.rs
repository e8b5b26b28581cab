//! Swap on a compressed disk in memory (zram), for as long as one run takes.
//!
//! What must hold here: the device is new and ours, and the guard takes it away when we can't.

use std::process::Command;

use super::Stage;

const CONTROL: &str = "/sys/class/zram-control";

impl Stage {
    /// Runs `work` with so many MiB of swap. The error says why there is none, or is the work's own.
    pub fn with_swap<T>(&mut self, mib: u64, work: impl FnOnce(&mut Stage) -> Result<T, String>) -> Result<T, String> {
        let number = std::fs::read_to_string(format!("{CONTROL}/hot_add"));
        let number = number.map_err(|e| format!("needs zram (modprobe zram): {e}"))?.trim().to_owned();
        let removal = format!(
            "swapoff /dev/zram{number} 2>/dev/null; echo 1 >/sys/block/zram{number}/reset; \
             echo {number} >{CONTROL}/hot_remove"
        );
        self.undo("swap", &removal)?;
        let on = format!(
            "PATH=$PATH:/usr/sbin:/sbin; echo {mib}M >/sys/block/zram{number}/disksize && \
             mkswap /dev/zram{number} >/dev/null && swapon -p 100 /dev/zram{number}"
        );
        let done = shell(&on).and_then(|()| work(self));
        // the guard does it if this fails
        if shell(&removal).is_ok() {
            self.undo("swap", "")?;
        }
        done
    }
}

fn shell(script: &str) -> Result<(), String> {
    let done = Command::new("/bin/sh").args(["-c", script]).output().map_err(|e| format!("/bin/sh: {e}"))?;
    match done.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&done.stderr).trim_end().to_owned()),
    }
}
