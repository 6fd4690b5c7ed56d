# The program of the recordings `pipeline` and `pipeline-smp`: a text packed by two threads, unpacked and summed.
for i in $(seq 24); do cat /usr/share/common-licenses/GPL-3; done | xz -T2 -0 --block-size=131072 | xz -dc | md5sum
