"""Knowledge: articles in versions, languages and audiences, and how they spare tickets."""
