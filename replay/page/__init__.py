"""The report: a recording as one HTML file that opens anywhere, offline, with a player in it.

page.html is its frame, page.css and page.js what it looks like and does, player/ the embedded asciinema-player.
"""
