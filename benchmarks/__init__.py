"""What a change is worth: methods compared (methods/) and speed measured (one script per subject)."""
