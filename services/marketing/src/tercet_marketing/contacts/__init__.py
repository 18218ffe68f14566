"""Contacts of companies, as sales tells of them: whom strategies tell what is given to a company."""
