"""What rulesets do before any database: plans, files, and what is in force."""
