-- The program of the recordings `inserts` and `inserts-pti`: a table of 20,000 rows that is indexed, changed and packed.
create table t (n, word);
with recursive c(n) as (select 1 union all select n + 1 from c where n < 20000)
  insert into t select n, hex(n * 7919) from c;
create index i on t(word);
update t set word = word || 'x' where n % 3 = 0;
delete from t where n % 5 = 0;
vacuum;
