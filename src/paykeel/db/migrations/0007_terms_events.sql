-- Comes with the events of terms.
SELECT 1;
