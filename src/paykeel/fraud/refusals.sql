-- name: log_refusal
-- Writes that a purchase was refused for its amount before any rule was asked; always one row.
INSERT INTO fraud_prevention_logs (
    merchant_id, log_id, payment_id, decision, reasons, facts, created_at)
VALUES (
    :merchant_id::uuid, :log_id::uuid, NULL, 'refuse', ARRAY[:code::text], :facts::jsonb,
    :at::timestamptz)
RETURNING log_id;
