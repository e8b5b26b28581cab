//! What an action came to and why, in words; and the report as text and JSON.
