"""Small guests made up by hypothesis: every mode, every trick, and a text that a person can read.

A guest has a few address spaces that share kernel windows onto all of memory (a large page, small pages, a user's
window, and the tables mapped into themselves), four leaf tables and four upper ones. What it then does is a list of
short steps, drawn one by one and independent of each other, so that a failure shrinks to few of them.

A *wild* guest stores what it likes and flushes when it likes; every preset may see other stale translations, and the
oracle says which of them are legal. A *careful* guest flushes all its vCPUs between changing a table and using it;
then every preset must give it the same.

`guest.py` is what such a guest is, `strategies.py` how one is drawn, `judged.py` what is asked of it.
"""

from __future__ import annotations

from .judged import complaints as complaints
from .judged import corrected as corrected
from .judged import keep as keep
from .judged import the_same_each_time as the_same_each_time
from .judged import unexplained as unexplained
from .strategies import guests as guests
