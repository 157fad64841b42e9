"""What the page lets in: hosts, logins, uploads, and how much of each."""
