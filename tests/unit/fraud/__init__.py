"""Rules, expressions and judgements, without a database."""
