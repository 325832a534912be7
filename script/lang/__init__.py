"""The constructs of the script language, by topic; `T` and `I` collect them."""
