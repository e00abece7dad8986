-- name: find_secret
-- A secret that this installation made; no row: none has been made under this name.
SELECT s.secret
FROM server_secrets s
WHERE s.name = :name::text;

-- name: keep_secret
-- Keeps a secret unless one has that name; no row: another process was faster, and its secret
-- holds.
INSERT INTO server_secrets (name, secret)
VALUES (:name::text, :secret::bytea)
ON CONFLICT (name) DO NOTHING
RETURNING name;
